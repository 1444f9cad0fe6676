// The fields of the camera form as the server takes them. Pure.

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {import("../types.js").CameraChanges} CameraChanges */
/** @typedef {import("../i18n/i18n.js").Key} Key */
/** @typedef {"rtsp" | "http" | "rtmp" | "whip"} Kind */
/**
 * @typedef {object} Values what stands in the fields
 * @property {Kind | null} kind null: of no kind that the form knows, as a file
 * @property {string} name
 * @property {string} url
 * @property {string} username
 * @property {string} password
 * @property {boolean} forget
 * @property {string} transport
 * @property {string} look_rate
 * @property {boolean} motion_gate
 * @property {boolean} loop
 * @property {boolean} enabled
 * @property {string} labels
 */

/** @type {Record<Kind, { example: string, scheme: string, pattern: RegExp }>} */
export const KINDS = {
  rtsp: { example: "rtsp://192.168.1.20:554/stream1", scheme: "rtsp://", pattern: /^rtsps?:/i },
  http: { example: "http://192.168.1.21/video.mjpg", scheme: "http://", pattern: /^https?:/i },
  rtmp: { example: "rtmp://192.168.1.22/live/drone", scheme: "rtmp://", pattern: /^rtmps?:/i },
  whip: { example: "whip:", scheme: "whip:", pattern: /^whip:/i },
};
const HIDDEN = "?...";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** @param {string} url @returns {Kind | null} */
export function kindOf(url) {
  const kinds = /** @type {Kind[]} */ (Object.keys(KINDS));
  return kinds.find((kind) => KINDS[kind].pattern.test(url)) ?? null;
}

/** Takes user name and password out of a pasted address. @param {string} url */
export function splitUrl(url) {
  const [, scheme, user, rest] = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@(.*)$/i.exec(url.trim()) ?? [];
  if (scheme === undefined || user === undefined || rest === undefined) return null;
  const [name = "", ...password] = user.split(":");
  return { url: scheme + rest, username: plain(name), password: plain(password.join(":")) };
}

/** Where a password would go. @param {string} url */
export function serverOf(url) {
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url)?.[0].toLowerCase() ?? url;
}

/**
 * What is to be sent: everything for a new camera, only what changed for a known one.
 * @param {Values} values
 * @param {ServerCamera | null} camera
 * @returns {CameraChanges}
 */
export function changesOf(values, camera) {
  const look_rate = values.look_rate.trim() ? Number(values.look_rate.replace(",", ".")) : null;
  const labels = [...new Set(values.labels.split(",").map((label) => label.trim()).filter(Boolean))];
  const { motion_gate, loop, enabled } = values;
  const transport = values.transport === "udp" ? "udp" : "tcp";
  /** @type {CameraChanges} */
  const all = { url: values.kind === "whip" ? "whip:" : values.url.trim(), transport, look_rate, motion_gate, loop, enabled, labels };
  /** @type {CameraChanges} */
  const changes = camera ? different(all, camera) : { name: values.name.trim(), ...all };
  if (values.forget) Object.assign(changes, { username: null, password: null });
  if (values.username && values.kind !== "whip") changes.username = values.username;
  if (values.password) changes.password = values.password;
  return changes;
}

/**
 * What can be told to be wrong without the server.
 * @param {Values} values
 * @param {ServerCamera | null} camera
 * @returns {{ field: string, key: Key, values?: Record<string, string> }[]}
 */
export function mistakesOf(values, camera) {
  /** @type {{ field: string, key: Key, values?: Record<string, string> }[]} */
  const found = [];
  if (!camera && !values.name.trim()) found.push({ field: "name", key: "form.error.required" });
  else if (!camera && !NAME.test(values.name.trim())) found.push({ field: "name", key: "form.error.name" });
  const url = values.url.trim();
  if (values.kind !== "whip" && url !== camera?.url) {
    if (!url || Object.values(KINDS).some(({ scheme }) => scheme === url)) found.push({ field: "url", key: "form.error.required" });
    else if (url.endsWith(HIDDEN)) found.push({ field: "url", key: "form.error.url.hidden" });
    else if (!camera && values.kind && kindOf(url) !== values.kind) {
      found.push({ field: "url", key: "form.error.url.kind", values: { scheme: KINDS[values.kind].scheme } });
    }
  }
  const rate = values.look_rate.trim().replace(",", ".");
  if (rate && !(Number(rate) > 0 && Number(rate) <= 60)) found.push({ field: "look_rate", key: "form.error.look_rate" });
  return found;
}

/** @param {CameraChanges} all @param {ServerCamera} camera @returns {CameraChanges} */
function different(all, camera) {
  const names = /** @type {(keyof CameraChanges & keyof ServerCamera)[]} */ (Object.keys(all));
  return Object.fromEntries(names.filter((name) => JSON.stringify(all[name]) !== JSON.stringify(camera[name])).map((name) => [name, all[name]]));
}

/** @param {string} text percent-encoded, or not */
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

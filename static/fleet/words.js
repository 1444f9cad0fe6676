// What a camera's state and reasons are called.
import { known, t } from "../i18n/i18n.js";

/** @typedef {import("../i18n/i18n.js").Key} Key */
/** @typedef {import("../types.js").ServerCamera} ServerCamera */

/** The server's reasons, which are English sentences, by what they mean. @type {[RegExp, Key][]} */
const REASONS = [
  [/waits for video/i, "reason.nobody"],
  [/publisher connects/i, "reason.publisher"],
  [/refused the user name/i, "reason.unauthorized"],
  [/refused access/i, "reason.forbidden"],
  [/nothing listens/i, "reason.refused"],
  [/no such file|may not be read/i, "reason.file"],
  [/no stream at this path|for this path/i, "reason.missing"],
  [/host name .* not known/i, "reason.host"],
  [/no way to this address/i, "reason.network"],
  [/not allowed|not among those/i, "reason.not-allowed"],
  [/single picture/i, "reason.single"],
  [/a page, not a video/i, "reason.page"],
  [/no video|not video|cannot be decoded|not supported/i, "reason.format"],
  [/no picture/i, "reason.silent"],
  [/did not answer in time|nothing answers/i, "reason.timeout"],
  [/error of its own|HTTP status/i, "reason.error"],
  [/speak (TLS|HTTP)/i, "reason.protocol"],
  [/reader broke/i, "reason.internal"],
  [/closed the connection|ended the stream/i, "reason.broke"],
];

/** @param {string} reason the server's @returns {Key | null} null: this page has no words for it */
export function reasonKey(reason) {
  return REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? null;
}

/** @param {string} reason */
export function reasonWords(reason) {
  const key = reasonKey(reason);
  if (key) return t(key);
  const text = reason.charAt(0).toUpperCase() + reason.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The one word for a camera: what is suspected comes before everything else. @param {ServerCamera} camera @returns {Key} */
export function stateKey({ state, suspicion }) {
  if (suspicion) return `suspicion.${suspicion}`;
  return `camera.${state}`;
}

/** @param {{ state: string, kind?: string }} camera @param {"title" | "text"} part @returns {Key | null} */
export function awayKey({ state, kind = "" }, part) {
  const exact = `camera.${state}.${kind}.${part}`;
  const general = `camera.${state}.${part}`;
  return known(exact) ? exact : known(general) ? general : null;
}

/** Whether a camera alarms, the gravest highest. @param {ServerCamera} camera */
export function gravity({ suspicion }) {
  return suspicion === "confirmed" ? 2 : suspicion === "suspected" ? 1 : 0;
}

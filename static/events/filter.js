// Which events the timeline shows: as the address of the page has it, as the server is asked, and for what arrives. Pure.

/** @typedef {import("../types.js").VigieEvent} VigieEvent */
/** @typedef {"" | "all" | "suspected" | "open" | "ended" | "retracted"} Standing "": whatever was confirmed */
/** @typedef {"" | "none" | import("../types.js").Verdict} Judged "none": not judged yet */
/** @typedef {"" | "hour" | "today" | "day" | "week" | "own"} Range "own": from `since` to `until` */
/**
 * @typedef {object} EventFilter
 * @property {string} camera
 * @property {Standing} state
 * @property {Judged} verdict
 * @property {Range} range
 * @property {string} since local, as a date and time field has it: 2026-11-25T14:00
 * @property {string} until
 * @property {string} text
 */

/** @type {Standing[]} */
export const STANDINGS = ["", "all", "suspected", "open", "ended", "retracted"];
/** @type {Judged[]} */
export const VERDICTS = ["", "none", "real", "false", "unsure"];
/** @type {Range[]} */
export const RANGES = ["", "hour", "today", "day", "week", "own"];

/** @type {EventFilter} */
export const USUAL = { camera: "", state: "", verdict: "", range: "", since: "", until: "", text: "" };

const HOUR_MS = 3_600_000;
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** @param {string} query what follows the "?" in the address, which anybody may have written @returns {EventFilter} */
export function filterOf(query) {
  const asked = new URLSearchParams(query);
  const time = (/** @type {string} */ name) => (LOCAL_TIME.test(asked.get(name) ?? "") ? (asked.get(name) ?? "").slice(0, 16) : "");
  const since = time("since");
  const until = time("until");
  const range = RANGES.find((one) => one === asked.get("range")) ?? "";
  return {
    camera: asked.get("camera") ?? "",
    state: STANDINGS.find((one) => one === asked.get("state")) ?? "",
    verdict: VERDICTS.find((one) => one === asked.get("verdict")) ?? "",
    range: since || until ? "own" : range === "own" ? "" : range,
    since,
    until,
    text: asked.get("q") ?? "",
  };
}

/** @param {EventFilter} filter @returns {string} for the address; empty when nothing is out of the usual */
export function queryOf({ camera, state, verdict, range, since, until, text }) {
  const own = range === "own";
  const parts = { camera, state, verdict, range: own ? "" : range, since: own ? since : "", until: own ? until : "", q: text.trim() };
  return String(new URLSearchParams(Object.entries(parts).filter(([, value]) => value)));
}

/** @param {EventFilter} filter @param {Date} now @returns {URLSearchParams} for the server */
export function askOf(filter, now) {
  const { camera, state, verdict, text } = filter;
  const asked = new URLSearchParams();
  if (camera) asked.set("camera", camera);
  if (verdict) asked.set("verdict", verdict);
  if (text.trim()) asked.set("q", text.trim());
  if (state === "" || state === "ended") asked.set("confirmed", "1");
  if (state === "open") asked.set("state", "confirmed");
  else if (state && state !== "all") asked.set("state", state);
  const { since, until } = spanOf(filter, now);
  if (since) asked.set("since", since.toISOString());
  if (until) asked.set("until", until.toISOString());
  return asked;
}

/** @param {EventFilter} filter @param {Date} now @returns {{ since: Date | null, until: Date | null }} */
export function spanOf({ range, since, until }, now) {
  const ago = (/** @type {number} */ hours) => ({ since: new Date(now.getTime() - hours * HOUR_MS), until: null });
  if (range === "hour") return ago(1);
  if (range === "day") return ago(24);
  if (range === "week") return ago(7 * 24);
  if (range === "today") return { since: new Date(now.getFullYear(), now.getMonth(), now.getDate()), until: null };
  // A minute typed as the end is meant with its seconds.
  return { since: moment(since), until: until && moment(until) ? new Date(Date.parse(until) + 59_999) : null };
}

/** Whether an event that arrives belongs into the list. @param {VigieEvent} event @param {EventFilter} filter @param {Date} now */
export function passes(event, filter, now) {
  const { camera, state, verdict, text } = filter;
  if (camera && event.camera !== camera) return false;
  if (verdict && (event.verdict ?? "none") !== verdict) return false;
  if ((state === "" || state === "ended") && !event.confirmed_at) return false;
  if (state === "open" && event.state !== "confirmed") return false;
  if ((state === "suspected" || state === "ended" || state === "retracted") && event.state !== state) return false;
  const sought = text.trim().toLowerCase();
  if (sought && ![event.camera, event.label, event.note ?? ""].some((words) => words.toLowerCase().includes(sought))) return false;
  const { since, until } = spanOf(filter, now);
  const seen = Date.parse(event.first_seen);
  return (!since || seen >= since.getTime()) && (!until || seen <= until.getTime());
}

/** How many of the filter's parts are out of the usual. @param {EventFilter} filter */
export function narrowness({ camera, state, verdict, range, text }) {
  return [camera, state, verdict, range, text.trim()].filter(Boolean).length;
}

/** @param {string} local */
function moment(local) {
  const time = Date.parse(local);
  return Number.isNaN(time) ? null : new Date(time);
}

// What events, verdicts and times are called.
import { clock, known, labelName, language, t } from "../i18n/i18n.js";

/** @typedef {import("../i18n/i18n.js").Key} Key */
/** @typedef {import("../types.js").VigieEvent} VigieEvent */

/** @param {VigieEvent} event @returns {Key} */
export function stateWord(event) {
  return event.state === "ended" && !event.confirmed_at ? "event.dismissed" : `event.${event.state}`;
}

/** What it is about: "gun", or one of the events that are no sighting. @param {VigieEvent} event */
export function kindName({ kind, label }) {
  return kindWord(kind || label);
}

/** @param {string} kind */
export function kindWord(kind) {
  const key = `kind.${kind}`;
  return known(key) ? t(key) : labelName(kind);
}

/** Whether something was seen, in place of something that happened to the server. @param {VigieEvent} event */
export function isSighting({ kind }) {
  return !known(`kind.${kind}`);
}

/** How long it was in sight, or went on. @param {VigieEvent} event @param {number} now ms, for one that still goes on @returns {number} seconds */
export function lasted(event, now) {
  const end = isOpen(event) ? Math.max(now, Date.parse(event.last_seen)) : Date.parse(isSighting(event) ? event.last_seen : (event.ended_at ?? event.last_seen));
  return Math.max(0, end - Date.parse(event.first_seen)) / 1000;
}

/** @param {VigieEvent} event */
export function isOpen(event) {
  return !event.ended_at;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 10) return t("time.seconds", { count: seconds });
  if (seconds < 60) return t("time.seconds", { count: Math.round(seconds) });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("time.minutes", { minutes, seconds: String(Math.round(seconds % 60)).padStart(2, "0") });
  return t("time.hours", { hours: Math.floor(minutes / 60), minutes: String(minutes % 60).padStart(2, "0") });
}

/** A time of today, else with its date. @param {string} at */
export function when(at) {
  const moment = new Date(at);
  const today = moment.toDateString() === new Date().toDateString();
  return today ? clock(moment) : `${new Intl.DateTimeFormat(language(), { day: "numeric", month: "short", year: "numeric" }).format(moment)}, ${clock(moment)}`;
}

/** With its date and tenths of a second. @param {string} at */
export function exactly(at) {
  const moment = new Date(at);
  const date = new Intl.DateTimeFormat(language(), { weekday: "short", day: "numeric", month: "long", year: "numeric" }).format(moment);
  const time = new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1, hourCycle: "h23" }).format(moment);
  return `${date}, ${time}`;
}

/** @param {number} bytes */
export function bytes(bytes) {
  const [unit, size] = bytes < 1000 ? ["byte", 1] : bytes < 1e6 ? ["kilobyte", 1000] : bytes < 1e9 ? ["megabyte", 1e6] : ["gigabyte", 1e9];
  return new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumSignificantDigits: 3 }).format(bytes / size);
}

/** What went wrong, in the server's words, as a sentence. @param {string | null} error @param {number | null} status */
export function failureWords(error, status) {
  if (!error) return `HTTP ${status}`;
  const text = error.charAt(0).toUpperCase() + error.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** @param {string} type of a report or delivery @returns {Key} */
export function typeWord(type) {
  const key = `report.${type}`;
  return known(key) ? key : "report.other";
}

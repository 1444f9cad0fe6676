// Days and hours of the timeline, in the visitor's own time zone.
import { language, t } from "../i18n/i18n.js";

const DAY_MS = 86_400_000;

/** @param {Date} moment @returns {string} 2026-11-25, local */
export function dayOf(moment) {
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}

/** @param {Date} moment @returns {string} 2026-11-25T14, local; at the end of summer time the same hour twice, as one */
export function hourOf(moment) {
  return `${dayOf(moment)}T${two(moment.getHours())}`;
}

/** @param {string} day @param {Date} now */
export function dayName(day, now) {
  const noon = new Date(`${day}T12:00`);
  const year = noon.getFullYear() === now.getFullYear() ? undefined : /** @type {const} */ ("numeric");
  const date = new Intl.DateTimeFormat(language(), { weekday: "long", day: "numeric", month: "long", year }).format(noon);
  if (day === dayOf(now)) return t("timeline.today", { date });
  if (day === dayOf(new Date(now.getTime() - DAY_MS))) return t("timeline.yesterday", { date });
  return date.charAt(0).toUpperCase() + date.slice(1);
}

/** @param {string} hour */
export function hourName(hour) {
  return new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(`${hour}:00`));
}

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, "0");
}

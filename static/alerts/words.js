// What a webhook tells of and how it fares, in words.
import { kindWord } from "../events/words.js";
import { known, language, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").Webhook} Webhook */
/** @typedef {import("../i18n/i18n.js").Key} Key */
/** @typedef {"off" | "gone" | "open" | "half-open" | "failed" | "working" | "new"} Condition */

/** What a subscription may tell of, in the order of an event's life. */
export const STATES = /** @type {const} */ (["suspected", "confirmed", "ended", "retracted", "judged"]);
export const USUAL_STATES = ["confirmed", "ended", "retracted"];

/** When it is told. @param {Pick<Webhook, "states">} webhook */
export function whenTold({ states }) {
  const words = STATES.filter((state) => states.includes(state)).map((state) => t(`hook.told.${state}`));
  return t("hook.words.when", { states: joined(words, "disjunction") });
}

/** Of what it is told. @param {Pick<Webhook, "cameras" | "kinds">} webhook */
export function whatTold({ cameras, kinds }) {
  const where = cameras.length ? t("hook.words.cameras", { count: cameras.length, cameras: joined(cameras, "conjunction") }) : t("hook.words.cameras.all");
  const what = kinds.length ? t("hook.words.kinds", { kinds: joined(kinds.map(kindWord), "conjunction") }) : t("hook.words.kinds.all");
  return t("hook.words.what", { where, what });
}

/** @param {Webhook} webhook @returns {Condition} */
export function conditionOf({ enabled, reason, circuit, last_success_at, last_failure }) {
  if (!enabled) return reason ? "gone" : "off";
  if (circuit !== "closed") return circuit;
  if (last_failure && Date.parse(last_failure.at) > Date.parse(last_success_at ?? "1970")) return "failed";
  return last_success_at ? "working" : "new";
}

/** Why it was switched off by itself. @param {string} reason */
export function reasonOff(reason) {
  const key = `hook.reason.${reason.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  return known(key) ? t(key) : reason;
}

/** @param {string[]} words @param {"conjunction" | "disjunction"} type */
function joined(words, type) {
  return new Intl.ListFormat(language(), { type }).format(words);
}

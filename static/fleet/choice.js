// Which cameras the wall shows, and in which order. Pure.
import { gravity } from "./words.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {"all" | "live" | "alarm" | "away"} Show */
/** @typedef {{ text: string, label: string, show: Show }} Filter */

/** @type {Filter} */
export const EVERYTHING = { text: "", label: "", show: "all" };

/** @param {ServerCamera} camera @param {Filter} filter */
export function passes(camera, { text, label, show }) {
  if (label && !camera.labels.includes(label)) return false;
  if (text && !camera.name.toLowerCase().includes(text.trim().toLowerCase())) return false;
  if (show === "live") return camera.state === "live";
  if (show === "away") return camera.state !== "live";
  return show === "alarm" ? gravity(camera) > 0 : true;
}

/** @param {ServerCamera[]} cameras @returns {string[]} */
export function labelsOf(cameras) {
  return [...new Set(cameras.flatMap(({ labels }) => labels ?? []))].sort((a, b) => a.localeCompare(b));
}

/** In alarm, the gravest first, else in the wall's own order. @param {ServerCamera[]} cameras */
export function alarmed(cameras) {
  return cameras.filter((camera) => gravity(camera)).sort((a, b) => gravity(b) - gravity(a));
}

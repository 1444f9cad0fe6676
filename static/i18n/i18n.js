// Words on the page: what was said in one language is said again in the other when the visitor switches.
import { Emitter } from "../emitter.js";
import { en } from "./en.js";
import { fr } from "./fr.js";

/** @typedef {keyof typeof en} Key */
/** @typedef {Record<string, string | number | Date>} Values */
/** @typedef {string | { one: string, other: string }} Entry */
/** @typedef {"en" | "fr"} Language */

/** @type {Record<Language, Record<Key, Entry>>} */
const WORDS = { en, fr };

/** @type {WeakMap<Element, Map<string, { key: Key, values: Values }>>} */
const said = new WeakMap();

/** @type {Emitter<{ change: Language }>} */
export const languages = new Emitter();

/** @returns {Language} */
export function language() {
  return document.documentElement.lang === "fr" ? "fr" : "en";
}

/** @param {Language} next */
export function speak(next) {
  document.documentElement.lang = next;
  for (const element of document.querySelectorAll("[data-t]")) {
    for (const [attribute, { key, values }] of said.get(element) ?? []) put(element, attribute, t(key, values));
  }
  languages.emit("change", next);
}

/** @param {string} key @returns {key is Key} */
export function known(key) {
  return Object.hasOwn(en, key);
}

/**
 * @param {Key} key
 * @param {Values} [values] a number named `count` also chooses between singular and plural
 */
export function t(key, values = {}) {
  const entry = WORDS[language()][key];
  const count = typeof values.count === "number" ? values.count : 1;
  const plural = new Intl.PluralRules(language()).select(count) === "one" ? "one" : "other";
  const text = typeof entry === "string" ? entry : entry[plural];
  return text.replace(/\{(\w+)\}/g, (_, name) => written(values[name] ?? ""));
}

/** @param {string | number | Date} value */
function written(value) {
  if (typeof value === "number") return new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(value);
  return value instanceof Date ? clock(value) : value;
}

/**
 * Puts words into an element (or one of its attributes) and keeps them in the visitor's language.
 * @template {Element} T
 * @param {T} element
 * @param {Key} key
 * @param {Values} [values]
 * @param {string} [attribute] "" is the text
 */
export function say(element, key, values = {}, attribute = "") {
  const known = said.get(element) ?? new Map();
  known.set(attribute, { key, values });
  said.set(element, known);
  element.setAttribute("data-t", "");
  put(element, attribute, t(key, values));
  return element;
}

/**
 * Puts words that have no translation, such as a server's own sentence.
 * @param {Element} element
 * @param {string} text
 */
export function quote(element, text) {
  said.delete(element);
  put(element, "", text);
}

/** @param {Element} element @param {string} attribute @param {string} text */
function put(element, attribute, text) {
  // An unchanged live region must not be read aloud again.
  if (attribute === "") {
    if (element.textContent !== text) element.textContent = text;
  } else element.setAttribute(attribute, text);
}

/** @param {number} fraction 0 to 1 */
export function percent(fraction) {
  return new Intl.NumberFormat(language(), { style: "percent" }).format(fraction);
}

/** @param {Date} moment */
export function clock(moment) {
  return new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(moment);
}

/** @param {string} label a class name of the model */
export function labelName(label) {
  const key = `label.${label}`;
  return known(key) ? t(key) : label;
}

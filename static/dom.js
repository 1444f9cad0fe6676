// Builds elements without markup strings, so that no data can ever become markup.
import { say } from "./i18n/i18n.js";

/** @typedef {import("./i18n/i18n.js").Key} Key */
/** @typedef {{ t?: Key, label?: Key, hint?: Key, testid?: string, [attribute: string]: string | number | boolean | null | undefined }} Attributes */

/**
 * `t`, `label` and `hint` are translated text, aria-label and title.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {(Node | string | null)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  const { t, label, hint, testid, ...rest } = attributes;
  for (const [name, value] of Object.entries(rest)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  if (testid) element.dataset.testid = testid;
  if (t) say(element, t);
  if (label) say(element, label, {}, "aria-label");
  if (hint) say(element, hint, {}, "title");
  element.append(...children.filter((child) => child !== null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | null>} [attributes]
 * @param {Node[]} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Drawn on a 24 x 24 grid with a 1.75 stroke. @type {Record<string, string>} */
const PATHS = {
  camera: "M15 8.5l5-2.5v12l-5-2.5M4.5 6h9A1.5 1.5 0 0 1 15 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16.500v-9A1.500 1.500 0 0 1 4.500 6z",
  camera_off: "M3 3l18 18M9.500 6h4A1.500 1.500 0 0 1 15 7.500v4M15 8.500l5-2.500v11M15 16.500A1.500 1.500 0 0 1 13.500 18h-9A1.500 1.500 0 0 1 3 16.500v-9A1.500 1.500 0 0 1 4.500 6",
  lock: "M6.500 11h11a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM8 11V8a4 4 0 0 1 8 0v3",
  link_off: "M9.500 14.500l5-5M13 6.500l1.500-1.500a3.500 3.500 0 0 1 5 5L18 11.500M11 17.500L9.500 19a3.500 3.500 0 0 1-5-5L6 12.500M4 4l2 2M18 18l2 2",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.500 2",
  flag: "M6 21V4M6 4.500h11l-2.500 4 2.500 4H6",
  warning: "M12 4L2.800 19.500h18.400zM12 10v4.500M12 17v.100",
  picture: "M4.500 5h15A1.500 1.500 0 0 1 21 6.500v11a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 17.500v-11A1.500 1.500 0 0 1 4.500 5zM3.500 17l5-5 4 4 3-3 5 5M15.500 10a1.200 1.200 0 1 0 0-2.400 1.200 1.200 0 0 0 0 2.400z",
  download: "M12 4v11M7.500 11L12 15.500 16.500 11M5 20h14",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600L7 7M17 17l1.400 1.400M5.600 18.400L7 17M17 7l1.400-1.400",
  moon: "M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500z",
  system: "M4.500 5h15A1.500 1.500 0 0 1 21 6.500v8a1.500 1.500 0 0 1-1.500 1.500h-15A1.500 1.500 0 0 1 3 14.500v-8A1.500 1.500 0 0 1 4.500 5zM9 20h6M12 16v4",
  play: "M8 5.500v13l10.500-6.500z",
  stop: "M7 7h10v10H7z",
  plus: "M12 5v14M5 12h14",
  expand: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
  shrink: "M4 9h5V4M20 9h-5V4M4 15h5v5M20 15h-5v5",
  previous: "M14.500 6l-6 6 6 6",
  next: "M9.500 6l6 6-6 6",
  close: "M6 6l12 12M18 6L6 18",
  edit: "M4 20l1-4.500L16 4.500a2 2 0 0 1 3 0 2 2 0 0 1 0 3L8.500 19zM14 6.500l3 3",
  trash: "M5 7h14M10 7V4.500h4V7M6.500 7l1 12.500h9l1-12.500M10 11v5M14 11v5",
  copy: "M9 9h10.500v10.500H9zM15 9V4.500H4.500V15H9",
  shape: "M5 8l7-3.500 7.500 5L16.500 19 6 17.500zM5 8h.100M12 4.500h.100M19.500 9.500h.100M16.500 19h.100M6 17.500h.100",
  undo: "M4.500 9.500H15a4.500 4.500 0 0 1 0 9h-4M8.500 5l-4 4.500 4 4.500",
  check: "M5 12.500l4.500 4.500L19 7.500",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20.500 20.500",
  pause: "M9 6v12M15 6v12",
  sound: "M4.500 9.500v5H8l4.500 4v-13L8 9.500zM16 9.500a4 4 0 0 1 0 5M18.500 7a7.500 7.500 0 0 1 0 10",
  sound_off: "M4.500 9.500v5H8l4.500 4v-13L8 9.500zM16 9.750l4.500 4.500M20.500 9.750L16 14.250",
  bell: "M6.500 16.500V11a5.500 5.500 0 0 1 11 0v5.500l1.500 1.500H5zM10 20.500h4",
  bell_off: "M4 4l16 16M8 7.200A5.500 5.500 0 0 1 17.500 11v3.500M6.500 11v5.500L5 18h13M10 20.500h4",
  question: "M8.500 9a3.500 3.500 0 1 1 5.300 3c-1.200.800-1.800 1.500-1.800 3M12 18.500v.100",
  send: "M20.500 3.500L3.500 10.500l7 3 3 7zM20.500 3.500l-10 10",
  key: "M15.500 14a5 5 0 1 0-4.700-3.300L4 17.500V20h3v-2h2v-2l2.300-2.300A5 5 0 0 0 15.500 14zM16.500 8.500v.100",
  zoom: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500L20.500 20.500M8 10.500h5M10.500 8v5",
  frame: "M4 8V5.500A1.500 1.500 0 0 1 5.500 4H8M16 4h2.500A1.500 1.500 0 0 1 20 5.500V8M20 16v2.500a1.500 1.500 0 0 1-1.500 1.500H16M8 20H5.500A1.500 1.500 0 0 1 4 18.500V16",
  pin: "M9 4h6l-.500 6 3 3.500H6.500l3-3.500zM12 13.500V20",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20a7.500 7.500 0 0 1 15 0",
  leave: "M14 4.500H5.500a1 1 0 0 0-1 1v13a1 1 0 0 0 1 1H14M10 12h10.500M16.500 8l4 4-4 4",
  retry: "M19.500 12a7.500 7.500 0 1 1-2.300-5.400M19.500 4v4h-4",
};

/** @param {string} name */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: PATHS[name] ?? "" }));
}

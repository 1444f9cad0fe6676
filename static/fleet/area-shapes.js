// Areas as SVG shapes, in pixels of the picture on the screen.
import { svg } from "../dom.js";
import { t } from "../i18n/i18n.js";
import { FEWEST, middles } from "./areas.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("./areas.js").Area} Area */
/**
 * @typedef {object} Look
 * @property {Area | null} drawing not ended yet
 * @property {Point | null} hover where the next corner would be
 * @property {number | null} selected
 * @property {number | null} corner
 * @property {Point | null} cross of the keyboard
 */

const CORNER = 7;
const MIDDLE = 5;

/**
 * @param {Area[]} areas
 * @param {string[]} names
 * @param {Look} look
 * @param {number} width
 * @param {number} height
 * @returns {SVGElement[]}
 */
export function areaShapes(areas, names, look, width, height) {
  const at = (/** @type {Point} */ [x, y]) => /** @type {const} */ ([x * width, y * height]);
  const path = (/** @type {Point[]} */ points) => points.map((point) => at(point).map((value) => value.toFixed(1)).join(",")).join(" ");
  const zones = areas.filter(({ kind }) => kind === "zone");
  const shapes = [...definitions(zones.map(({ points }) => path(points)), width, height)];
  areas.forEach(({ kind, points }, index) => {
    const chosen = index === look.selected ? " is-selected" : "";
    shapes.push(svg("polygon", { class: `area is-${kind}${chosen}`, points: path(points), "data-area": kind }));
  });
  areas.forEach(({ kind, points }, index) => shapes.push(...label(names[index] ?? "", kind, points.map(at), width)));
  const area = areas[look.selected ?? -1];
  if (area) shapes.push(...handles(area, names[look.selected ?? -1] ?? "", look.corner, at));
  if (look.drawing) shapes.push(...unfinished(look.drawing, look.hover, at));
  if (look.cross) shapes.push(...cross(at(look.cross), width, height));
  return shapes;
}

/** What lies outside all zones is dimmed: it does not count. @param {string[]} zones @param {number} width @param {number} height */
function definitions(zones, width, height) {
  const stripes = svg("pattern", { id: "mask-stripes", width: 10, height: 10, patternUnits: "userSpaceOnUse" }, svg("path", { class: "mask-stripe", d: "M-2 12L12 -2M-2 2L2 -2M8 12L12 8" }));
  const full = { x: 0, y: 0, width, height };
  if (!zones.length) return [svg("defs", {}, stripes)];
  const hole = svg("mask", { id: "outside-zones", maskUnits: "userSpaceOnUse", ...full }, svg("rect", { ...full, fill: "#fff" }), ...zones.map((points) => svg("polygon", { points, fill: "#000" })));
  return [svg("defs", {}, stripes, hole), svg("rect", { ...full, class: "area-outside", mask: "url(#outside-zones)" })];
}

/** @param {string} name @param {string} kind @param {(readonly [number, number])[]} points @param {number} width */
function label(name, kind, points, width) {
  const [x, y] = points.reduce((best, point) => (point[1] < best[1] ? point : best), points[0] ?? [0, 0]);
  const end = x > width * 0.8;
  const text = svg("text", { class: `area-name is-${kind}`, x: x + (end ? -12 : 12), y: y + 22, "text-anchor": end ? "end" : "start" });
  text.textContent = name;
  return [text];
}

/**
 * @param {Area} area
 * @param {string} name
 * @param {number | null} chosen
 * @param {(point: Point) => readonly [number, number]} at
 */
function handles({ kind, points }, name, chosen, at) {
  const sides = middles(points).map((point) => {
    const [cx, cy] = at(point);
    return svg("circle", { class: `middle is-${kind}`, cx, cy, r: MIDDLE });
  });
  const corners = points.map((point, index) => {
    const [cx, cy] = at(point);
    const words = t("editor.point", { name, number: index + 1, count: points.length });
    const place = `${Math.round(point[0] * 100)} %, ${Math.round(point[1] * 100)} %`;
    const selected = index === chosen ? " is-chosen" : "";
    return svg("circle", { class: `corner is-${kind}${selected}`, cx, cy, r: CORNER, tabindex: 0, role: "button", "aria-label": `${words}: ${place}`, "data-corner": index });
  });
  return [...sides, ...corners];
}

/**
 * @param {Area} drawing
 * @param {Point | null} hover
 * @param {(point: Point) => readonly [number, number]} at
 */
function unfinished({ kind, points }, hover, at) {
  const places = (hover ? [...points, hover] : points).map(at);
  const outline = svg("polyline", { class: `drawing is-${kind}`, points: places.map((place) => place.join(",")).join(" ") });
  const corners = points.map((point, index) => {
    const [cx, cy] = at(point);
    const first = index === 0 && points.length >= FEWEST ? " is-first" : "";
    return svg("circle", { class: `corner is-${kind}${first}`, cx, cy, r: first ? CORNER + 3 : CORNER });
  });
  return [outline, ...corners];
}

/** @param {readonly [number, number]} place @param {number} width @param {number} height */
function cross([x, y], width, height) {
  return [
    svg("path", { class: "cross", d: `M0 ${y}H${width}M${x} 0V${height}` }),
    svg("circle", { class: "cross", cx: x, cy: y, r: CORNER }),
  ];
}

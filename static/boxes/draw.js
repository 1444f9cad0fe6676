// Draws boxes on a canvas: one look for the live picture and for single pictures.
import { labelName, percent } from "../i18n/i18n.js";

/** @typedef {import("../types.js").Detection & { state?: import("../types.js").Standing }} Drawable */

/** The alarm colour is kept for what is confirmed. */
const COLOURS = { seen: "#7cd0f2", suspected: "#ffc04d", confirmed: "#ff4d4d", retracted: "#a3adb7" };
const INK = "#0c1116";

/** CSS pixels per drawn unit: labels follow the page's text size, which grows on a wall screen. */
export function textScale() {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Drawable[]} detections
 * @param {{ scale: number, unit: number, strong?: number }} look picture pixels to canvas pixels; canvas pixels per
 *   CSS pixel; index of a box to stress
 */
export function drawBoxes(context, detections, { scale, unit, strong = -1 }) {
  detections.forEach((detection, index) => {
    const { x1, y1, x2, y2 } = detection.box;
    const state = detection.state ?? "seen";
    const width = (state === "confirmed" || index === strong ? 4 : state === "retracted" ? 1 : 2.5) * unit;
    const area = /** @type {const} */ ([x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale]);
    context.lineJoin = "round";
    context.lineWidth = width + 2 * unit;
    context.strokeStyle = "rgb(12 17 22 / 65%)"; // keeps the box visible on a bright picture
    context.strokeRect(...area);
    context.lineWidth = width;
    context.strokeStyle = COLOURS[state];
    context.strokeRect(...area);
    if (state === "retracted") return; // as the server draws it: a thin box that says nothing
    tag(context, `${labelName(detection.label)} ${percent(detection.confidence)}`, area, unit, COLOURS[state]);
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {readonly [number, number, number, number]} area
 * @param {number} unit
 * @param {string} colour
 */
function tag(context, text, [x, y, , height], unit, colour) {
  context.font = `600 ${13 * unit}px Inter, "Segoe UI", Roboto, Arial, sans-serif`;
  context.textBaseline = "middle";
  const wide = context.measureText(text).width + 12 * unit;
  const tall = 22 * unit;
  const left = Math.max(0, Math.min(x - unit, context.canvas.width - wide));
  const above = y - tall - unit;
  const top = above >= 0 ? above : Math.min(y + height + unit, context.canvas.height - tall);
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, top, wide, tall, 4 * unit);
  context.fill();
  context.fillStyle = INK;
  context.fillText(text, left + 6 * unit, top + tall / 2 + unit / 2);
}

// What is being done to zones and masks just now: which one is drawn, which one and which corner is chosen.
import { Emitter } from "../emitter.js";
import { t } from "../i18n/i18n.js";
import { Areas, FEWEST } from "./areas.js";

/** @typedef {import("../types.js").Point} Point */
/** @typedef {import("./areas.js").Kind} Kind */
/** @typedef {{ kind: Kind, points: Point[] }} Drawing */

/** @extends {Emitter<{ change: null }>} */
export class AreaDraft extends Emitter {
  areas = new Areas([], []);
  /** @type {Drawing | null} */
  drawing = null;
  /** @type {number | null} */
  selected = null;
  /** @type {number | null} */
  corner = null;

  /** @param {Areas} areas */
  open(areas) {
    this.areas = areas;
    this.drawing = null;
    this.select(null);
  }

  get changed() {
    return this.areas.changed || this.drawing !== null;
  }

  /** The corners of the chosen area. */
  get points() {
    return this.areas.list[this.selected ?? -1]?.points ?? [];
  }

  /** @param {number} index */
  name(index) {
    const kind = this.areas.list[index]?.kind ?? "zone";
    return t(`editor.${kind}.name`, { number: this.areas.number(index) });
  }

  /** @param {Kind} kind */
  draw(kind) {
    this.drawing = { kind, points: [] };
    this.select(null);
  }

  /** @param {Point} point */
  addCorner(point) {
    if (this.drawing) this.drawing = { ...this.drawing, points: [...this.drawing.points, point] };
    this.emit("change", null);
  }

  /** Ends the area being drawn, if it has corners enough. */
  finish() {
    if (!this.drawing || this.drawing.points.length < FEWEST) return;
    const { kind, points } = this.drawing;
    this.drawing = null;
    this.select(this.areas.add(kind, points));
  }

  /** @param {number | null} index */
  select(index) {
    this.selected = index;
    this.corner = null;
    this.emit("change", null);
  }

  /** @param {number} corner */
  hold(corner) {
    if (this.corner === corner) return;
    this.corner = corner;
    this.emit("change", null);
  }

  /** @param {number} corner @param {Point} point */
  move(corner, point) {
    if (this.selected === null) return;
    this.areas.move(this.selected, corner, point);
    this.emit("change", null);
  }

  /** @param {number} after the corner before the new one @param {Point} point */
  insert(after, point) {
    if (this.selected === null) return;
    this.areas.insert(this.selected, after, point);
    this.corner = after + 1;
    this.emit("change", null);
  }

  takeBack() {
    if (this.drawing) {
      const { kind, points } = this.drawing;
      this.drawing = points.length ? { kind, points: points.slice(0, -1) } : null;
      return this.emit("change", null);
    }
    this.areas.undo();
    this.select(null);
  }

  /** The chosen corner, or else the chosen area. */
  remove() {
    if (this.selected === null) return;
    if (this.corner === null) {
      this.areas.remove(this.selected);
      return this.select(null);
    }
    if (this.areas.removeCorner(this.selected, this.corner)) this.corner = null;
    this.emit("change", null);
  }

  /** Gives up what is drawn, or chosen. */
  leave() {
    this.drawing = null;
    this.select(null);
  }
}

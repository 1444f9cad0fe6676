// <vigie-areas>: zones and masks on top of a picture, drawn and changed with mouse, finger or keyboard.
import { svg } from "../dom.js";
import { areaShapes } from "../fleet/area-shapes.js";
import { FEWEST, inside, middles, nearest } from "../fleet/areas.js";
import { languages, say } from "../i18n/i18n.js";

/** @typedef {import("../types.js").Point} Point */

const REACH = { mouse: 12, touch: 28 };
const KEY_REACH = 6;
const SAME_PLACE = 4;
const STEP = 0.01;
const FAR = 0.05;

/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class VigieAreas extends HTMLElement {
  #svg = svg("svg", { class: "areas", tabindex: 0, role: "application", "data-testid": "areas" });
  #draft;
  #ratio = 16 / 9;
  #width = 1;
  #height = 1;
  /** Where the keyboard draws. @type {Point} */
  #cross = [0.5, 0.5];
  #crossShown = false;
  /** @type {Point | null} */
  #hover = null;
  #dragging = false;
  #observer = new ResizeObserver(() => this.#fit());

  /** @param {import("../fleet/area-draft.js").AreaDraft} draft */
  constructor(draft) {
    super();
    this.#draft = draft;
  }

  connectedCallback() {
    if (!this.childElementCount) this.#build();
    if (this.parentElement) this.#observer.observe(this.parentElement);
    this.#fit();
  }

  disconnectedCallback() {
    this.#observer.disconnect();
  }

  /** The picture's shape. @param {number} ratio width to height */
  set ratio(ratio) {
    if (!(ratio > 0) || ratio === this.#ratio) return;
    this.#ratio = ratio;
    this.#fit();
  }

  /** Takes the keyboard, with the cross in the middle. */
  begin() {
    this.#cross = [0.5, 0.5];
    this.#svg.focus({ preventScroll: true });
  }

  #build() {
    this.classList.add("areas-layer");
    this.append(this.#svg);
    say(this.#svg, "editor.picture", {}, "aria-label");
    languages.on("change", () => this.#update());
    this.#draft.on("change", () => this.#update());
    this.#svg.addEventListener("pointerdown", (event) => this.#down(event));
    this.#svg.addEventListener("pointermove", (event) => this.#moved(event));
    this.#svg.addEventListener("pointerup", () => (this.#dragging = false));
    this.#svg.addEventListener("pointercancel", () => (this.#dragging = false));
    this.#svg.addEventListener("pointerleave", () => this.#hoverAt(null));
    this.#svg.addEventListener("dblclick", () => this.#draft.finish());
    this.#svg.addEventListener("keydown", (event) => event.target === this.#svg && this.#pressed(event));
    this.#svg.addEventListener("blur", () => this.#hideCross());
  }

  #update() {
    const { areas, drawing, selected, corner } = this.#draft;
    const focused = document.activeElement instanceof SVGElement ? document.activeElement.dataset.corner : undefined;
    const names = areas.list.map((_, index) => this.#draft.name(index));
    const look = { drawing, hover: this.#hover, selected, corner, cross: this.#crossShown ? this.#cross : null };
    this.#svg.replaceChildren(...areaShapes(areas.list, names, look, this.#width, this.#height));
    for (const handle of this.#svg.querySelectorAll("[data-corner]")) {
      if (!(handle instanceof SVGElement)) continue;
      handle.onkeydown = (event) => this.#cornerKey(event, Number(handle.dataset.corner));
      handle.onfocus = () => this.#mark(handle);
      if (handle.dataset.corner === focused) handle.focus({ preventScroll: true });
    }
  }

  /** Lies exactly over the picture, which is fitted into the stage with its shape kept. */
  #fit() {
    const { clientWidth = 0, clientHeight = 0 } = this.parentElement ?? {};
    if (!clientWidth) return;
    this.#width = Math.min(clientWidth, clientHeight * this.#ratio);
    this.#height = this.#width / this.#ratio;
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${this.#height}`);
    this.#svg.style.setProperty("width", `${this.#width}px`);
    this.#svg.style.setProperty("height", `${this.#height}px`);
    this.#update();
  }

  /** @param {MouseEvent} event @returns {Point} */
  #place({ clientX, clientY }) {
    const { left, top } = this.#svg.getBoundingClientRect();
    return inside([(clientX - left) / this.#width, (clientY - top) / this.#height]);
  }

  /** In pixels. @param {Point} a @param {Point} b */
  #distance = (a, b) => Math.hypot((a[0] - b[0]) * this.#width, (a[1] - b[1]) * this.#height);

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    const point = this.#place(event);
    const reach = event.pointerType === "mouse" ? REACH.mouse : REACH.touch;
    this.#crossShown = false;
    if (this.#draft.drawing) return this.#addCorner(point, reach);
    if (!this.#grasp(point, reach)) return this.#draft.select(this.#draft.areas.under(point));
    event.preventDefault();
    this.#svg.setPointerCapture(event.pointerId);
    this.#dragging = true;
  }

  /** @param {Point} point @param {number} reach */
  #addCorner(point, reach) {
    const { points = [] } = this.#draft.drawing ?? {};
    const [first] = points;
    const last = points.at(-1);
    if (first && points.length >= FEWEST && this.#distance(first, point) <= reach) this.#draft.finish();
    else if (!last || this.#distance(last, point) >= SAME_PLACE) this.#draft.addCorner(point);
  }

  /** Takes the corner, or else the middle of a side, that is near. @param {Point} point @param {number} reach */
  #grasp(point, reach) {
    const { points } = this.#draft;
    const corner = nearest(points, point, reach, this.#distance);
    if (corner !== null) {
      this.#draft.areas.begin();
      this.#draft.hold(corner);
      return true;
    }
    const side = nearest(middles(points), point, reach, this.#distance);
    if (side !== null) this.#draft.insert(side, point);
    return side !== null;
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    if (this.#draft.drawing) this.#hoverAt(event.pointerType === "mouse" ? this.#place(event) : null);
    else if (this.#dragging && this.#draft.corner !== null) this.#draft.move(this.#draft.corner, this.#place(event));
  }

  /** @param {Point | null} point */
  #hoverAt(point) {
    this.#hover = point;
    if (this.#draft.drawing) this.#update();
  }

  /** A corner got the focus: drawing all anew would take it away again. @param {SVGElement} handle */
  #mark(handle) {
    for (const chosen of this.#svg.querySelectorAll(".is-chosen")) chosen.classList.remove("is-chosen");
    handle.classList.add("is-chosen");
    const corner = Number(handle.dataset.corner);
    if (this.#draft.corner === corner) return;
    this.#draft.corner = corner;
    this.dispatchEvent(new CustomEvent("held"));
  }

  #hideCross() {
    this.#crossShown = false;
    for (const line of this.#svg.querySelectorAll(".cross")) line.remove();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const draft = this.#draft;
    const arrow = ARROWS[event.key];
    if (arrow) this.#moveCross(arrow, event.shiftKey ? FAR : STEP);
    else if (event.key === " ") this.#choose();
    else if (event.key === "Enter" && draft.drawing) draft.finish();
    else if (event.key === "Backspace" && draft.drawing) draft.takeBack();
    else if (event.key === "Delete" && draft.selected !== null) draft.remove();
    else if (event.key === "Escape" && (draft.drawing || draft.selected !== null)) draft.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Point} arrow @param {number} by */
  #moveCross(arrow, by) {
    this.#cross = inside([this.#cross[0] + arrow[0] * by, this.#cross[1] + arrow[1] * by]);
    this.#crossShown = true;
    this.#hover = this.#draft.drawing ? this.#cross : null;
    this.#update();
  }

  #choose() {
    this.#crossShown = true;
    if (this.#draft.drawing) this.#addCorner(this.#cross, KEY_REACH);
    else this.#draft.select(this.#draft.areas.under(this.#cross));
  }

  /** @param {KeyboardEvent} event @param {number} corner */
  #cornerKey(event, corner) {
    const draft = this.#draft;
    const [x, y] = draft.points[corner] ?? [0, 0];
    const arrow = ARROWS[event.key];
    const by = event.shiftKey ? FAR : STEP;
    if (arrow) {
      if (!event.repeat) draft.areas.begin(); // a key held down is one thing to take back
      draft.move(corner, [x + arrow[0] * by, y + arrow[1] * by]);
    } else if (event.key === "+" || event.key === "Insert") draft.insert(corner, middles(draft.points)[corner] ?? [x, y]);
    else if (event.key === "Delete" || event.key === "Backspace") {
      draft.corner = corner;
      this.#svg.focus({ preventScroll: true });
      draft.remove();
    } else if (event.key === "Escape") {
      this.#svg.focus({ preventScroll: true });
      draft.leave();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// <vigie-wall>: all cameras at a glance, page by page; no tile moves for another's sake.
import { Problem } from "../api.js";
import { h } from "../dom.js";
import { alarmed, labelsOf, passes } from "../fleet/choice.js";
import { arrange } from "../fleet/grid.js";
import { Ways } from "../fleet/ways.js";
import { textScale } from "../boxes/draw.js";
import { problemWords } from "../fleet/problem-words.js";
import { recall, remember } from "../settings.js";
import { VigieTile } from "./vigie-tile.js";
import { VigieWallBlank } from "./vigie-wall-blank.js";
import { LAYOUTS, VigieWallTools } from "./vigie-wall-tools.js";
import { VigieWatch } from "./vigie-watch.js";
import { Watching } from "../fleet/watching.js";
import { WallKeys } from "../fleet/wall-keys.js";

/** @typedef {import("./vigie-wall-tools.js").Layout} Layout */
/** @typedef {import("../types.js").ServerCamera} ServerCamera */

const MOST_BY_DEFAULT = 16;
const STILL_MS = 3000;

export class VigieWall extends HTMLElement {
  #api;
  #fleet;
  #ways = new Ways();
  #tools = new VigieWallTools();
  #watch = new VigieWatch();
  #grid = h("div", { class: "wall-grid", testid: "wall-grid", role: "group", label: "wall.grid" });
  #blank = new VigieWallBlank();
  /** @type {Map<string, VigieTile>} */
  #tiles = new Map();
  #watching = new Watching();
  #keys = new WallKeys(this.#grid);
  /** @type {Layout | null} */
  #layout = null;
  #page = 0;
  #pages = 1;
  #size = "small";
  #due = 0;
  #shown = false;
  /** @type {() => void} */
  #rest = () => {};
  /** @type {number | undefined} */
  #still;

  /** @param {import("../api.js").Api} api @param {import("../fleet/fleet.js").Fleet} fleet */
  constructor(api, fleet) {
    super();
    this.#api = api;
    this.#fleet = fleet;
    const layout = recall("wall.layout");
    this.#layout = LAYOUTS.find((one) => one === layout) ?? null;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("wall");
    this.append(h("h1", { class: "visually-hidden", t: "wall.title" }), this.#tools, this.#watch, this.#grid, this.#blank);
    this.#listen();
    new ResizeObserver(() => this.#soon()).observe(this.#grid);
    this.#fleet.on("change", () => this.#soon());
    this.#fleet.on("reach", () => this.#soon());
  }

  /** @param {boolean} shown */
  set shown(shown) {
    if (this.#shown === shown) return;
    this.#shown = shown;
    this.hidden = !shown;
    this.#rest();
    this.#rest = shown ? this.#fleet.watch() : () => {};
    if (shown) this.#update();
    else if (document.fullscreenElement === this) void document.exitFullscreen();
  }

  /** After a look at one camera. @param {string} name */
  focusTile(name) {
    this.#keys.focus(this.#tiles.get(name));
  }

  #listen() {
    this.#tools.addEventListener("layout", (event) => this.#choose(/** @type {CustomEvent} */ (event).detail));
    this.#tools.addEventListener("filter", () => this.#turnTo(0));
    this.#tools.addEventListener("turn", (event) => this.#turnTo(this.#page + /** @type {CustomEvent} */ (event).detail));
    this.#tools.addEventListener("add", () => this.#add());
    this.#tools.addEventListener("fullscreen", () => this.#fill());
    this.#watch.addEventListener("goto", (event) => this.#goto(/** @type {CustomEvent} */ (event).detail));
    this.#blank.addEventListener("add", () => this.#add());
    this.#blank.addEventListener("clear", () => this.#tools.clear());
    this.#grid.addEventListener("order", (event) => void this.#order(event));
    this.#grid.addEventListener("dblclick", (event) => {
      if (!(event.target instanceof Element) || event.target.closest("button, a")) return;
      const tile = event.target.closest("vigie-tile");
      if (tile instanceof VigieTile) this.#open(tile);
    });
    this.#keys.on("open", (tile) => this.#open(tile));
    this.#keys.on("turn", (by) => {
      this.#turnTo(this.#page + by);
      this.focusTile([...this.#tiles.keys()][0] ?? "");
    });
    this.#keys.on("layout", (layout) => this.#choose(layout));
    this.#keys.on("fullscreen", () => this.#fill());
    this.#keys.on("search", () => this.#tools.focusSearch());
    this.addEventListener("fullscreenchange", () => (this.#tools.fullscreen = document.fullscreenElement === this));
    for (const sign of ["pointermove", "pointerdown", "keydown"]) this.addEventListener(sign, () => this.#stir());
  }

  #add() {
    this.dispatchEvent(new CustomEvent("add"));
  }

  /** @param {VigieTile} tile */
  #open(tile) {
    location.hash = `#camera/${encodeURIComponent(tile.camera.name)}`;
  }

  /** The tile in hand, or else the first, stays on the screen. @param {Layout} layout */
  #choose(layout) {
    const focused = this.#grid.contains(document.activeElement);
    const name = (focused && this.#keys.held?.camera.name) || [...this.#tiles.keys()][0] || "";
    this.#layout = layout;
    remember("wall.layout", layout);
    const place = this.#chosen().findIndex((camera) => camera.name === name);
    this.#turnTo(Math.max(0, Math.floor(place / this.#slots(this.#chosen().length))));
    if (focused) this.focusTile(name);
  }

  /** @param {number} page */
  #turnTo(page) {
    this.#page = page;
    this.#update();
  }

  /** @param {string} name */
  #goto(name) {
    if (!this.#chosen().some((camera) => camera.name === name)) this.#tools.clear();
    const place = this.#chosen().findIndex((camera) => camera.name === name);
    if (place < 0) return;
    const slots = this.#slots(this.#chosen().length);
    this.#turnTo(Math.floor(place / slots));
    const tile = this.#tiles.get(name);
    this.#keys.focus(tile);
    tile?.classList.add("is-found");
    tile?.addEventListener("animationend", () => tile.classList.remove("is-found"), { once: true });
  }

  #chosen() {
    const { filter } = this.#tools;
    return this.#fleet.cameras.filter((camera) => passes(camera, filter));
  }

  /** @param {number} count of cameras */
  #slots(count) {
    const layout = this.#layout ?? (count > MOST_BY_DEFAULT ? "16" : "fit");
    this.#tools.layout = layout;
    return layout === "fit" ? Math.max(1, count) : Number(layout);
  }

  #soon() {
    if (!this.#shown || this.#due) return;
    this.#due = requestAnimationFrame(() => {
      this.#due = 0;
      if (this.#shown) this.#update();
    });
  }

  #update() {
    const { cameras } = this.#fleet;
    const chosen = this.#chosen();
    const slots = this.#slots(chosen.length);
    this.#pages = Math.max(1, Math.ceil(chosen.length / slots));
    this.#page = Math.min(Math.max(0, this.#page), this.#pages - 1);
    const visible = chosen.slice(this.#page * slots, (this.#page + 1) * slots);
    this.#tools.labels = labelsOf(cameras);
    this.#tools.turned(this.#page, this.#pages);
    this.#tools.hidden = this.#fleet.known && !cameras.length;
    this.#blank.reason = !this.#fleet.known ? (this.#fleet.reached ? "loading" : "unreachable") : !cameras.length ? "empty" : chosen.length ? "" : "nomatch";
    this.#grid.hidden = !this.#blank.hidden;
    this.#fillGrid(visible, slots === 1 ? "full" : "small");
    this.#lay(slots);
    const names = new Set(visible.map(({ name }) => name));
    const alarms = alarmed(cameras);
    const elsewhere = alarms.filter(({ name }) => !names.has(name));
    const here = alarms.filter(({ name }) => names.has(name));
    this.#watch.hidden = !this.#fleet.known || !cameras.length;
    this.#watch.show({ cameras, shown: chosen.length, elsewhere, here, reached: this.#fleet.reached });
  }

  /** @param {ServerCamera[]} visible @param {"full" | "small"} size */
  #fillGrid(visible, size) {
    const names = new Set(visible.map(({ name }) => name));
    for (const [name, tile] of this.#tiles) {
      if (names.has(name) && this.#size === size) continue;
      this.#watching.forget(tile);
      tile.close();
      this.#tiles.delete(name);
    }
    this.#size = size;
    /** @type {Element | null} */
    let place = this.#grid.firstElementChild;
    for (const camera of visible) {
      const tile = this.#tiles.get(camera.name) ?? this.#make(camera, size);
      // An element put elsewhere stops its video: only what is out of place is moved.
      if (tile === place) place = place.nextElementSibling;
      else this.#grid.insertBefore(tile, place);
      tile.camera = camera;
      tile.stale = !this.#fleet.reached;
    }
    this.#keys.settle();
  }

  /** @param {ServerCamera} camera @param {"full" | "small"} size */
  #make(camera, size) {
    const tile = new VigieTile(this.#api, camera, size, this.#ways);
    tile.addEventListener("player-stats", (event) => this.#fleet.note(camera.name, /** @type {CustomEvent} */ (event).detail));
    tile.addEventListener("player-event", (event) => {
      const { state } = /** @type {CustomEvent} */ (event).detail;
      if (state !== "ended") this.#fleet.raise(camera.name, state);
    });
    this.#tiles.set(camera.name, tile);
    this.#watching.add(tile);
    return tile;
  }

  /** @param {number} slots */
  #lay(slots) {
    const { clientWidth, clientHeight } = this.#grid;
    if (!clientWidth) return;
    const { columns, height, text, narrow, scrolls } = arrange(slots, clientWidth, clientHeight, textScale());
    this.#keys.columns = columns;
    const { style } = this.#grid;
    style.setProperty("--columns", String(columns));
    style.setProperty("--tile-height", `${height}px`);
    style.setProperty("--tile-text", `${text}px`);
    this.#grid.classList.toggle("is-narrow", narrow);
    this.#grid.classList.toggle("is-scrolling", scrolls);
  }

  /** @param {Event} event */
  async #order(event) {
    const tile = event.target instanceof Element ? event.target.closest("vigie-tile") : null;
    if (!(tile instanceof VigieTile)) return;
    try {
      this.#fleet.put(await this.#api.orderCamera(tile.camera.name, "start"));
      this.#keys.focus(tile);
    } catch (error) {
      if (error instanceof Problem) this.#watch.note(problemWords(error));
    }
  }

  #fill() {
    if (document.fullscreenElement === this) void document.exitFullscreen();
    else void this.requestFullscreen?.().catch(() => {});
  }

  /** In full screen the tools show only while somebody moves. */
  #stir() {
    this.classList.remove("is-still");
    clearTimeout(this.#still);
    this.#still = setTimeout(() => this.classList.add("is-still"), STILL_MS);
  }
}

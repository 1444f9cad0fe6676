// The wall by keyboard: one tile holds the focus, arrow keys pass it on.
import { Emitter } from "../emitter.js";
import { VigieTile } from "../components/vigie-tile.js";

/** @typedef {import("../components/vigie-wall-tools.js").Layout} Layout */
/** @typedef {{ open: VigieTile, turn: number, layout: Layout, fullscreen: null, search: null }} KeyEvents */

/** @type {Record<string, Layout>} */
const LAYOUT_KEYS = { 0: "fit", 1: "1", 4: "4", 9: "9", 6: "16" };

/** @extends {Emitter<KeyEvents>} */
export class WallKeys extends Emitter {
  #grid;
  columns = 1;

  /** @param {HTMLElement} grid */
  constructor(grid) {
    super();
    this.#grid = grid;
    grid.addEventListener("keydown", (event) => this.#pressed(event));
    grid.addEventListener("focusin", ({ target }) => {
      const tile = target instanceof Element ? target.closest("vigie-tile") : null;
      if (tile instanceof VigieTile) this.#hold(tile);
    });
  }

  /** The tile that holds the focus, or would get it. */
  get held() {
    return this.#tiles().find(({ tabIndex }) => tabIndex === 0);
  }

  /** @param {VigieTile | undefined} tile */
  focus(tile) {
    tile?.focus();
    tile?.scrollIntoView({ block: "nearest" });
  }

  /** After tiles came or went: exactly one can be reached with Tab. */
  settle() {
    const tiles = this.#tiles();
    if (tiles.length && !this.held) this.#hold(tiles[0]);
  }

  #tiles() {
    return [...this.#grid.children].filter((child) => child instanceof VigieTile);
  }

  /** @param {VigieTile | undefined} held */
  #hold(held) {
    for (const tile of this.#tiles()) tile.tabIndex = tile === held ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#act(event)) return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key meant something */
  #act({ key, target }) {
    const layout = LAYOUT_KEYS[key];
    if (layout) this.emit("layout", layout);
    else if (key === "f" || key === "F") this.emit("fullscreen", null);
    else if (key === "/") this.emit("search", null);
    else if (key === "PageDown") this.emit("turn", 1);
    else if (key === "PageUp") this.emit("turn", -1);
    else if (!(target instanceof VigieTile)) return false;
    else if (key === "Enter") this.emit("open", target);
    else return this.#move(target, key);
    return true;
  }

  /** @param {VigieTile} from @param {string} key */
  #move(from, key) {
    const tiles = this.#tiles();
    const last = tiles.length - 1;
    const here = tiles.indexOf(from);
    /** @type {Record<string, number>} */
    const there = { ArrowLeft: here - 1, ArrowRight: here + 1, ArrowUp: here - this.columns, ArrowDown: here + this.columns, Home: 0, End: last };
    const place = there[key];
    if (place === undefined) return false;
    this.focus(tiles[Math.min(Math.max(place, 0), last)]);
    return true;
  }
}

// Which tiles anybody can see: those on the screen, of a page that is not hidden.

/** @typedef {Element & { watched: boolean }} Watchable */

const SCROLL_MS = 4000; // who comes back at once finds the picture still running
const HIDDEN_MS = 10_000;

export class Watching {
  /** @type {Map<Watchable, { seen: boolean, timer: number | undefined }>} */
  #tiles = new Map();
  #hidden = document.hidden;
  /** @type {number | undefined} */
  #timer;
  #observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) this.#saw(/** @type {Watchable} */ (target), isIntersecting);
  });

  constructor() {
    document.addEventListener("visibilitychange", () => {
      clearTimeout(this.#timer);
      if (document.hidden) this.#timer = setTimeout(() => this.#hide(true), HIDDEN_MS);
      else this.#hide(false);
    });
    // Hang up for all: the server would keep their places for half a minute.
    addEventListener("pagehide", () => this.#hide(true));
    addEventListener("pageshow", ({ persisted }) => persisted && this.#hide(false));
  }

  /** @param {Watchable} tile */
  add(tile) {
    this.#tiles.set(tile, { seen: false, timer: undefined });
    this.#observer.observe(tile);
  }

  /** @param {Watchable} tile */
  forget(tile) {
    clearTimeout(this.#tiles.get(tile)?.timer);
    this.#tiles.delete(tile);
    this.#observer.unobserve(tile);
  }

  /** @param {Watchable} tile @param {boolean} seen */
  #saw(tile, seen) {
    const held = this.#tiles.get(tile);
    if (!held) return;
    clearTimeout(held.timer);
    held.seen = seen;
    if (seen) tile.watched = !this.#hidden;
    else held.timer = setTimeout(() => (tile.watched = false), SCROLL_MS);
  }

  /** @param {boolean} hidden */
  #hide(hidden) {
    this.#hidden = hidden;
    for (const [tile, { seen }] of this.#tiles) tile.watched = seen && !hidden;
  }
}

// The arithmetic of the live numbers. Pure: time comes in as an argument.

const WINDOW_MS = 2000;
const SHORTEST_MS = 500; // the first pictures may come in a burst, which is no rate

/** How often per second something happened, over the last two seconds. */
export class Rate {
  /** @type {number[]} */
  #ticks = [];

  /** @param {number} now */
  tick(now) {
    this.#ticks.push(now);
    this.#forget(now);
  }

  /** @param {number} now */
  perSecond(now) {
    this.#forget(now);
    const first = this.#ticks[0];
    const last = this.#ticks.at(-1);
    if (first === undefined || last === undefined || last === first) return 0;
    // Until the window is full its length is what was seen; a stall then counts against the rate.
    const span = Math.max(last - first, now - last > 500 ? now - first : 0, SHORTEST_MS);
    return ((this.#ticks.length - 1) * 1000) / span;
  }

  clear() {
    this.#ticks = [];
  }

  /** @param {number} now */
  #forget(now) {
    while ((this.#ticks[0] ?? now) < now - WINDOW_MS) this.#ticks.shift();
  }
}

/** Of the last few values: one late answer must not make the number jump. */
export class Median {
  /** @type {number[]} */
  #values = [];
  #size;

  /** @param {number} size how many of the last values count */
  constructor(size) {
    this.#size = size;
  }

  /** @param {number} value */
  add(value) {
    this.#values.push(value);
    if (this.#values.length > this.#size) this.#values.shift();
  }

  /** @returns {number | null} */
  get value() {
    const sorted = [...this.#values].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? null;
  }

  clear() {
    this.#values = [];
  }
}

// Which confirmed events nobody has looked at since they came.
import { Emitter } from "../emitter.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */

const LATE_MS = 300_000; // what is told after a longer break is history, not an alarm
const KEPT = 500;

/** @extends {Emitter<{ alarm: VigieEvent, change: number }>} */
export class News extends Emitter {
  /** @type {Set<string>} */
  #unseen = new Set();
  /** @type {Set<string>} */
  #known = new Set();

  /** @param {import("./stream.js").EventStream} stream @param {() => number} now ms at the server */
  constructor(stream, now) {
    super();
    stream.on("change", ({ type, data }) => {
      if (type === "event.retracted") this.seen(data.id);
      if (type !== "event.confirmed" || this.#known.has(data.id)) return;
      this.#known.add(data.id);
      if (this.#known.size > KEPT) this.#known.delete([...this.#known][0] ?? "");
      if (now() - Date.parse(data.confirmed_at ?? data.first_seen) > LATE_MS) return;
      this.#unseen.add(data.id);
      this.emit("alarm", data);
      this.emit("change", this.#unseen.size);
    });
  }

  get count() {
    return this.#unseen.size;
  }

  /** @param {string} id */
  seen(id) {
    if (this.#unseen.delete(id)) this.emit("change", this.#unseen.size);
  }

  allSeen() {
    if (!this.#unseen.size) return;
    this.#unseen.clear();
    this.emit("change", 0);
  }
}

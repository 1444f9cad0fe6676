// The server's cameras as this page knows them: asked for once a second while somebody looks, and told by running video.
import { Emitter } from "../emitter.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {import("../types.js").StatsMessage} StatsMessage */

const LOOKING_MS = 1000;
const RESTING_MS = 5000;

/**
 * @typedef {object} FleetEvents
 * @property {ServerCamera[]} change any camera, or which there are
 * @property {boolean} reach whether the server answers
 */

/** @extends {Emitter<FleetEvents>} */
export class Fleet extends Emitter {
  #api;
  /** @type {Map<string, ServerCamera>} in the server's order */
  #cameras = new Map();
  /** When a camera was last heard of by another way than the list. @type {Map<string, number>} */
  #told = new Map();
  #changed = 0;
  #watchers = 0;
  #asked = false;
  #reached = true;
  /** @type {number | undefined} */
  #timer;
  /** @type {Promise<void> | null} */
  #asking = null;

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    super();
    this.#api = api;
    document.addEventListener("visibilitychange", () => document.hidden || this.#again(0));
  }

  /** Whether the server was heard at all. */
  get known() {
    return this.#asked;
  }

  get reached() {
    return this.#reached;
  }

  get cameras() {
    return [...this.#cameras.values()];
  }

  /** @param {string} name */
  get(name) {
    return this.#cameras.get(name) ?? null;
  }

  /** Ask often while a view shows cameras. @returns {() => void} ends it */
  watch() {
    this.#watchers += 1;
    this.#again(0);
    let over = false;
    return () => {
      if (!over) this.#watchers -= 1;
      over = true;
    };
  }

  /** @returns {Promise<void>} */
  refresh() {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
      this.#again(this.#watchers && !document.hidden ? LOOKING_MS : RESTING_MS);
    });
    return this.#asking;
  }

  /** @param {ServerCamera} camera as the server answered a change */
  put(camera) {
    this.#changed = performance.now();
    this.#cameras.set(camera.name, camera);
    this.emit("change", this.cameras);
  }

  /** @param {string} name */
  remove(name) {
    this.#changed = performance.now();
    if (this.#cameras.delete(name)) this.emit("change", this.cameras);
  }

  /** @param {string} name @param {StatsMessage} stats what its running video told */
  note(name, stats) {
    const camera = this.#cameras.get(name);
    if (!camera) return;
    this.#told.set(name, performance.now());
    this.#cameras.set(name, merged(camera, stats));
    this.emit("change", this.cameras);
  }

  /** @param {string} name @param {"suspected" | "confirmed"} suspicion an event told it before the next statistics do */
  raise(name, suspicion) {
    const camera = this.#cameras.get(name);
    if (!camera || camera.suspicion === "confirmed" || camera.suspicion === suspicion) return;
    this.#told.set(name, performance.now());
    this.#cameras.set(name, { ...camera, suspicion });
    this.emit("change", this.cameras);
  }

  async #ask() {
    const begun = performance.now();
    try {
      const cameras = await this.#api.cameras();
      if (begun < this.#changed) return; // this answer may be older than a change made meanwhile
      this.#asked = true;
      const held = this.#cameras;
      this.#cameras = new Map(cameras.map((camera) => [camera.name, this.#newer(camera, held, begun)]));
      this.#reach(true);
      this.emit("change", this.cameras);
    } catch {
      this.#reach(false);
    }
  }

  /** @param {ServerCamera} camera @param {Map<string, ServerCamera>} held @param {number} begun */
  #newer(camera, held, begun) {
    const known = held.get(camera.name);
    return known && (this.#told.get(camera.name) ?? 0) > begun ? merged(camera, known) : camera;
  }

  /** @param {boolean} reached */
  #reach(reached) {
    if (this.#reached === reached) return;
    this.#reached = reached;
    this.emit("reach", reached);
  }

  /** @param {number} wait_ms */
  #again(wait_ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), wait_ms);
  }
}

/** @param {ServerCamera} camera @param {StatsMessage | ServerCamera} news @returns {ServerCamera} */
function merged(camera, news) {
  const { state, reason = null, next_try_at = null, suspicion = null, frames_per_second, looks_per_second, delay_ms } = news;
  return { ...camera, state, reason, next_try_at, suspicion, frames_per_second, looks_per_second, delay_ms };
}

// What the server tells of events while it happens. The browser's EventSource resumes by itself where it broke off.
import { Emitter } from "../emitter.js";
import { eventOf } from "./event-of.js";

/** @typedef {import("../types.js").EventChange} EventChange */
/** @typedef {"connecting" | "open" | "lost"} StreamState */
/**
 * @typedef {object} StreamEvents
 * @property {EventChange} change
 * @property {null} missed something may have been missed: what is shown must be asked for again
 * @property {StreamState} state
 */

const LOST_MS = 3000; // a short break is none: the browser is back before anybody could read of it
const BACK_OFF_MS = [1000, 2000, 5000, 10_000];

/** @extends {Emitter<StreamEvents>} */
export class EventStream extends Emitter {
  #address;
  /** @type {EventSource | null} */
  #source = null;
  /** @type {StreamState} */
  #state = "connecting";
  #attempt = 0;
  /** Of the newest change heard: where a new connection goes on. */
  #last = "";
  /** @type {number | undefined} */
  #lost;
  /** @type {number | undefined} */
  #again;

  /** @param {() => string} address where it is now: what lets a page in may change */
  constructor(address) {
    super();
    this.#address = address;
  }

  get state() {
    return this.#state;
  }

  /** Whether it is open, or tries to be. */
  get listening() {
    return this.#source !== null || this.#again !== undefined;
  }

  open() {
    if (this.#source) return;
    clearTimeout(this.#again);
    this.#again = undefined;
    const url = new URL(this.#address());
    if (this.#last) url.searchParams.set("last_event_id", this.#last);
    const source = new EventSource(url);
    this.#source = source;
    let fresh = !this.#last;
    source.onopen = () => {
      this.#attempt = 0;
      clearTimeout(this.#lost);
      this.#lost = undefined;
      this.#become("open");
      if (fresh) this.emit("missed", null);
      fresh = false;
    };
    source.onerror = () => this.#failed(source);
    source.addEventListener("event", ({ data, lastEventId }) => {
      this.#last = lastEventId || this.#last;
      this.#heard(data);
    });
    source.addEventListener("reset", () => this.emit("missed", null));
  }

  close() {
    clearTimeout(this.#lost);
    clearTimeout(this.#again);
    this.#lost = this.#again = undefined;
    this.#source?.close();
    this.#source = null;
  }

  /** After the network was away: the old connection may hang without an end. */
  restart() {
    this.close();
    this.open();
  }

  /** @param {string} data */
  #heard(data) {
    /** @type {EventChange} */
    let change;
    try {
      change = JSON.parse(data);
    } catch {
      return; // something between here and the server garbled it
    }
    if (change?.data?.id) this.emit("change", { ...change, data: eventOf(change.data) });
  }

  /** @param {EventSource} source */
  #failed(source) {
    this.#lost ??= setTimeout(() => this.#become("lost"), LOST_MS);
    if (source.readyState !== EventSource.CLOSED || source !== this.#source) return;
    // An answer that is no stream: the browser gives up, this page does not.
    this.#source = null;
    const wait = BACK_OFF_MS[Math.min(this.#attempt, BACK_OFF_MS.length - 1)] ?? 0;
    this.#attempt += 1;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.open(), wait);
  }

  /** @param {StreamState} state */
  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }
}

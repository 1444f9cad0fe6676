// The events of one search, newest first: loaded page by page, and kept up to date by what the server tells.
import { Problem } from "../api.js";
import { Emitter } from "../emitter.js";
import { askOf, passes, USUAL } from "./filter.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */
/** @typedef {import("./filter.js").EventFilter} EventFilter */
/** @typedef {"idle" | "loading" | "ready" | "failed"} Status */
/**
 * @typedef {object} ListEvents
 * @property {null} status
 * @property {null} reload everything is another
 * @property {VigieEvent[]} page older ones, at the end
 * @property {VigieEvent} arrive a new one, by itself
 * @property {VigieEvent} change one that is listed
 */

const PAGE = 50;

/** @extends {Emitter<ListEvents>} */
export class EventList extends Emitter {
  #api;
  /** @type {EventFilter} */
  #filter = USUAL;
  /** @type {Map<string, VigieEvent>} */
  #held = new Map();
  /** Their ids, the newest first: ids sort by time. @type {string[]} */
  #order = [];
  /** @type {string | null} */
  #next = null;
  /** @type {Status} */
  #status = "idle";
  /** @type {Problem | null} */
  #problem = null;
  #asking = new AbortController();
  /** @type {Promise<void> | null} */
  #more = null;

  /** @param {import("./events-api.js").EventsApi} api @param {import("./stream.js").EventStream} stream */
  constructor(api, stream) {
    super();
    this.#api = api;
    stream.on("change", ({ data }) => this.take(data));
    stream.on("missed", () => this.#status !== "idle" && void this.refresh());
  }

  get filter() {
    return this.#filter;
  }

  get status() {
    return this.#status;
  }

  get problem() {
    return this.#problem;
  }

  /** Whether there are older ones. */
  get open() {
    return this.#next !== null;
  }

  get size() {
    return this.#order.length;
  }

  /** @param {string} id */
  get(id) {
    return this.#held.get(id) ?? null;
  }

  /** @returns {VigieEvent[]} */
  get events() {
    return this.#order.flatMap((id) => this.#held.get(id) ?? []);
  }

  /** Begins anew with this filter. @param {EventFilter} filter */
  async load(filter) {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#filter = filter;
    this.#more = null;
    this.#become("loading");
    await this.#try(async (signal) => {
      const page = await this.#ask(null, signal);
      this.#held = new Map();
      this.#order = [];
      this.#append(page);
      this.#become("ready");
      this.emit("reload", null);
    });
  }

  /** The next page of older ones. */
  more() {
    if (!this.#next || this.#status !== "ready") return Promise.resolve();
    this.#more ??= this.#try(async (signal) => {
      const added = this.#append(await this.#ask(this.#next, signal));
      this.emit("page", added);
      this.#become("ready");
    }).finally(() => (this.#more = null));
    this.emit("status", null);
    return this.#more;
  }

  get loadingMore() {
    return this.#more !== null;
  }

  /** The newest page again: after a break, what is shown must be true. */
  async refresh() {
    if (this.#status === "loading") return;
    await this.#try(async (signal) => {
      const page = await this.#ask(null, signal);
      const oldest = page.events.at(-1)?.id ?? "";
      const newest = this.#order[0] ?? "";
      if (this.#status !== "ready" || (page.next && oldest > newest)) {
        // Between the two would be a hole.
        this.#held = new Map();
        this.#order = [];
        this.#append(page);
        this.emit("reload", null);
      } else for (const event of [...page.events].reverse()) this.take(event);
      this.#become("ready");
    });
  }

  /** @param {VigieEvent} event as the server tells it; an older version than the known is no news */
  take(event) {
    const held = this.#held.get(event.id);
    if (held) {
      if (event.revision < held.revision) return;
      this.#held.set(event.id, { ...held, ...event, evidence: event.evidence ?? held.evidence });
      this.emit("change", this.#held.get(event.id) ?? event);
      return;
    }
    const last = this.#order.at(-1) ?? "";
    if (this.#status !== "ready" || (this.#next !== null && event.id < last)) return;
    if (!passes(event, this.#filter, new Date())) return;
    this.#insert(event);
    this.emit("arrive", event);
  }

  /**
   * The one beside, whether or not the event itself is listed.
   * @param {string} id
   * @param {1 | -1} step 1: older
   * @returns {string | null}
   */
  beside(id, step) {
    if (step === 1) return this.#order.find((other) => other < id) ?? null;
    return this.#order.filter((other) => other > id).at(-1) ?? null;
  }

  /** @param {string | null} cursor @param {AbortSignal} signal */
  #ask(cursor, signal) {
    const asked = askOf(this.#filter, new Date());
    asked.set("limit", String(PAGE));
    if (cursor) asked.set("cursor", cursor);
    return this.#api.list(asked, signal);
  }

  /** @param {import("../types.js").EventPage} page @returns {VigieEvent[]} those that were not known */
  #append({ events, next }) {
    const added = events.filter(({ id }) => !this.#held.has(id));
    for (const event of added) this.#insert(event);
    this.#next = next;
    return added;
  }

  /** @param {VigieEvent} event */
  #insert(event) {
    this.#held.set(event.id, event);
    const place = this.#order.findIndex((id) => id < event.id);
    if (place < 0) this.#order.push(event.id);
    else this.#order.splice(place, 0, event.id);
  }

  /** @param {(signal: AbortSignal) => Promise<void>} step */
  async #try(step) {
    const { signal } = this.#asking;
    this.#problem = null;
    try {
      await step(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#problem = error;
      // What is listed stays: it was true.
      this.#become(this.#status === "ready" ? "ready" : "failed");
    }
  }

  /** @param {Status} status */
  #become(status) {
    this.#status = status;
    this.emit("status", null);
  }
}

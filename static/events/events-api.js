// The routes of events, their evidence and the policies that confirm them.
import { eventOf } from "./event-of.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */
/** @typedef {import("../types.js").FullEvent} FullEvent */

export class EventsApi {
  #api;

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {URLSearchParams} query @param {AbortSignal} signal @returns {Promise<import("../types.js").EventPage>} */
  async list(query, signal) {
    const page = await this.#api.ask("GET", `api/v1/events?${query}`, { signal });
    return { ...page, events: page.events.map(eventOf) };
  }

  /** @param {string} id @param {AbortSignal} signal @returns {Promise<FullEvent>} */
  async get(id, signal) {
    return eventOf(await this.#api.ask("GET", path(id), { signal }));
  }

  /** @param {string} id @param {import("../types.js").Verdict} verdict @param {string} note @returns {Promise<VigieEvent>} */
  async judge(id, verdict, note) {
    return eventOf(await this.#api.ask("POST", path(id, "verdict"), { body: { verdict, note } }));
  }

  /** @param {string} id @param {boolean} held whether its evidence is kept for good @returns {Promise<VigieEvent>} */
  async hold(id, held) {
    return eventOf(await this.#api.ask("POST", path(id, "hold"), { body: { held } }));
  }

  /** @param {string} id @param {string} name of a file */
  fileUrl(id, name) {
    return this.#api.opened(path(id, `evidence/${encodeURIComponent(name)}`));
  }

  /** @param {string} id @param {string} name of a file; of another origin, the browser saves what the server tells it to */
  downloadUrl(id, name) {
    return this.#api.opened(path(id, `evidence/${encodeURIComponent(name)}?download=1`));
  }

  /** @param {string} id @param {AbortSignal} signal @returns {Promise<string>} JSON lines */
  detections(id, signal) {
    return this.#api.text(path(id, "evidence/detections.jsonl"), signal);
  }

  /** @returns {Promise<import("../types.js").Policies>} */
  policies() {
    return this.#api.ask("GET", "api/v1/policies");
  }

  streamUrl() {
    return this.#api.opened("api/v1/events/stream");
  }
}

/** @param {string} id @param {string} [rest] */
function path(id, rest) {
  return `api/v1/events/${encodeURIComponent(id)}${rest ? `/${rest}` : ""}`;
}

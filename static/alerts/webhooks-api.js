// The routes of webhooks and their deliveries.

/** @typedef {import("../types.js").Webhook} Webhook */
/** @typedef {import("../types.js").Delivery} Delivery */
/** @typedef {Partial<import("../types.js").WebhookSettings>} WebhookChanges */
/** @typedef {Webhook & { secret: string }} WithSecret the secret is shown this once */

export class WebhooksApi {
  #api;

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {AbortSignal} [signal] @returns {Promise<Webhook[]>} */
  async list(signal) {
    return (await this.#api.ask("GET", "api/v1/webhooks", { signal })).webhooks;
  }

  /** @param {WebhookChanges} webhook @returns {Promise<WithSecret>} */
  add(webhook) {
    return this.#api.ask("POST", "api/v1/webhooks", { body: webhook });
  }

  /** @param {string} id @param {WebhookChanges} changes @returns {Promise<Webhook>} */
  change(id, changes) {
    return this.#api.ask("PATCH", path(id), { body: changes });
  }

  /** @param {string} id @returns {Promise<null>} */
  remove(id) {
    return this.#api.ask("DELETE", path(id));
  }

  /** A second secret beside the one there is. @param {string} id @returns {Promise<WithSecret>} */
  rotate(id) {
    return this.#api.ask("POST", path(id, "secret"));
  }

  /** @param {string} id */
  async dropPrevious(id) {
    await this.#api.ask("DELETE", path(id, "secret/previous"));
  }

  /** @param {string} id @returns {Promise<Delivery>} */
  async test(id) {
    return (await this.#api.ask("POST", path(id, "test"))).delivery;
  }

  /**
   * @param {string} id
   * @param {{ state?: string, cursor?: string | null, limit?: number }} what
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../types.js").DeliveryPage>}
   */
  deliveries(id, { state = "", cursor = null, limit = 30 }, signal) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (state) query.set("state", state);
    if (cursor) query.set("cursor", cursor);
    return this.#api.ask("GET", path(id, `deliveries?${query}`), { signal });
  }

  /** @param {string} id @param {string} delivery @param {AbortSignal} [signal] @returns {Promise<import("../types.js").FullDelivery>} */
  delivery(id, delivery, signal) {
    return this.#api.ask("GET", path(id, `deliveries/${encodeURIComponent(delivery)}`), { signal });
  }

  /** @param {string} id @param {string} delivery */
  async replay(id, delivery) {
    await this.#api.ask("POST", path(id, `deliveries/${encodeURIComponent(delivery)}/replay`));
  }

  /** All dead ones. @param {string} id @returns {Promise<number>} how many */
  async replayDead(id) {
    return (await this.#api.ask("POST", path(id, "replay"))).replayed;
  }
}

/** @param {string} id @param {string} [rest] */
function path(id, rest) {
  return `api/v1/webhooks/${encodeURIComponent(id)}${rest ? `/${rest}` : ""}`;
}

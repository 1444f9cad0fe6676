// <vigie-delivery-list>: the deliveries to one receiver, newest first, kept up to date while they are looked at.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { problemWords } from "../fleet/problem-words.js";
import { languages, say } from "../i18n/i18n.js";
import { VigieDelivery } from "./vigie-delivery.js";

/** @typedef {import("../types.js").Delivery} Delivery */
/** @typedef {"" | import("../types.js").DeliveryState} Shown */

/** @type {Shown[]} */
const SHOWN = ["", "waiting", "delivered", "dead"];
const AGAIN_MS = 2000;

export class VigieDeliveryList extends HTMLElement {
  #api;
  #filter = h("div", { class: "segments delivery-filter", role: "radiogroup", label: "deliveries.show" });
  #replayAll = h("button", { class: "button is-compact", type: "button", testid: "replay-all", hidden: true }, icon("retry"), h("span"));
  #list = h("div", { class: "delivery-list", role: "list", testid: "hook-deliveries" });
  #empty = h("p", { class: "hint", role: "status", testid: "hook-empty", hidden: true });
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  #more = h("button", { class: "button is-compact", type: "button", t: "deliveries.more", testid: "deliveries-more", hidden: true });
  #newer = h("button", { class: "button is-compact", type: "button", testid: "deliveries-newer", hidden: true });
  #id = "";
  /** @type {Shown} */
  #shown = "";
  /** @type {string | null} */
  #next = null;
  /** @type {Map<string, VigieDelivery>} */
  #rows = new Map();
  #asking = new AbortController();
  /** @type {number | undefined} */
  #timer;

  /** @param {import("../alerts/webhooks-api.js").WebhooksApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "delivery-card");
    for (const shown of SHOWN) this.#filter.append(...this.#option(shown));
    const head = h("div", { class: "card-head delivery-head" }, h("h2", { class: "card-title", t: "deliveries.title" }), this.#filter, this.#replayAll);
    this.append(head, this.#error, this.#newer, this.#empty, this.#list, this.#more);
    this.#newer.onclick = () => this.refresh();
    this.#more.onclick = () => void this.#try(() => this.#page(this.#next));
    this.#replayAll.onclick = () => void this.#again();
    this.addEventListener("replayed", () => this.refresh());
    languages.on("change", () => {
      for (const row of this.#rows.values()) row.again();
    });
  }

  /** @param {string} id of the receiver; empty when the page shows something else */
  set webhook(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.close();
    if (id) this.#restart();
  }

  /** @param {number} count of those given up */
  set dead(count) {
    this.#replayAll.hidden = !count;
    const word = this.#replayAll.lastElementChild;
    if (word && count) say(word, "deliveries.replay.all", { count });
  }

  refresh() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#keep(), 100);
  }

  close() {
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  #restart() {
    this.close();
    this.#asking = new AbortController();
    this.#next = null;
    this.#empty.hidden = false;
    this.#more.hidden = true;
    say(this.#empty, "deliveries.loading");
    void this.#keep();
  }

  async #keep() {
    if (!document.hidden) await this.#try(() => this.#page(null));
    const { signal } = this.#asking;
    clearTimeout(this.#timer);
    if (!signal.aborted) this.#timer = setTimeout(() => void this.#keep(), AGAIN_MS);
  }

  /** @param {string | null} cursor null: the newest */
  async #page(cursor) {
    const { signal } = this.#asking;
    const { deliveries, next } = await this.#api.deliveries(this.#id, { state: this.#shown, cursor }, signal);
    if (signal.aborted) return;
    const first = cursor === null;
    if (!first || this.#rows.size <= deliveries.length) this.#next = next;
    if (first) this.#drop(deliveries);
    const held = first && this.#busy;
    for (const delivery of deliveries) if (!held || this.#rows.has(delivery.id)) this.#put(delivery, first);
    const count = held ? deliveries.filter(({ id }) => !this.#rows.has(id)).length : 0;
    this.#newer.hidden = !count;
    if (count) say(this.#newer, "deliveries.newer", { count });
    this.#more.hidden = !this.#next;
    this.#empty.hidden = this.#rows.size > 0;
    if (!this.#rows.size) say(this.#empty, this.#shown ? "deliveries.nomatch" : "deliveries.empty");
  }

  /** Whether somebody reads or points at what new ones would move. */
  get #busy() {
    return this.#rows.size > 0 && (this.#list.matches(":hover") || this.#list.contains(document.activeElement));
  }

  /** What the newest page shows no more left this filter. @param {Delivery[]} newest */
  #drop(newest) {
    const ids = new Set(newest.map(({ id }) => id));
    const last = newest.at(-1);
    for (const [id, row] of this.#rows) {
      if (ids.has(id) || (last && row.delivery.created_at < last.created_at)) continue;
      row.remove();
      this.#rows.delete(id);
    }
  }

  /** @param {Delivery} delivery @param {boolean} newest */
  #put(delivery, newest) {
    const known = this.#rows.get(delivery.id);
    if (known) return void (known.delivery = delivery);
    const row = new VigieDelivery(this.#api, delivery);
    this.#rows.set(delivery.id, row);
    const older = newest ? [...this.#list.children].find((other) => other instanceof VigieDelivery && other.delivery.created_at < delivery.created_at) : null;
    this.#list.insertBefore(row, older ?? null);
  }

  async #again() {
    await this.#try(async () => {
      const count = await this.#api.replayDead(this.#id);
      this.dispatchEvent(new CustomEvent("replayed", { detail: count, bubbles: true }));
    });
  }

  /** @param {() => Promise<void>} step */
  async #try(step) {
    const { signal } = this.#asking;
    try {
      await step();
      this.#error.hidden = true;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
      this.#empty.hidden = true;
    }
  }

  /** @param {Shown} shown */
  #option(shown) {
    const id = `deliveries-${shown || "all"}`;
    const input = h("input", { type: "radio", name: "deliveries-shown", id, value: shown, class: "segment-input", testid: id });
    input.checked = shown === this.#shown;
    input.onchange = () => {
      this.#shown = shown;
      this.#restart();
    };
    return [input, h("label", { class: "segment", for: id, t: shown ? `delivery.${shown}` : "deliveries.all" })];
  }
}

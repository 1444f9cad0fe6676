// <vigie-receivers>: what was sent of one event, to whom, and what came of it.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { placeOf } from "../events/receivers.js";
import { failureWords, typeWord, when } from "../events/words.js";
import { serverNow } from "../fleet/server-clock.js";
import { problemWords } from "../fleet/problem-words.js";
import { languages, quote, say } from "../i18n/i18n.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */
/** @typedef {import("../types.js").EventDelivery} EventDelivery */

const LATE_MS = 2000;
const COLUMNS = /** @type {const} */ (["receiver", "type", "state", "attempts", "when"]);

export class VigieReceivers extends HTMLElement {
  #webhooks;
  #count = h("span", { class: "count", testid: "delivery-count" });
  #empty = h("p", { class: "hint", t: "deliveries.none" });
  #body = h("tbody");
  #table = h("table", { class: "deliveries", testid: "deliveries" });
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  /** @type {EventDelivery[]} */
  #deliveries = [];
  #written = "";

  /** @param {import("../alerts/webhooks-api.js").WebhooksApi} webhooks */
  constructor(webhooks) {
    super();
    this.#webhooks = webhooks;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "receivers");
    const head = h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col", t: `deliveries.${name}` })), h("td", {}));
    this.#table.append(h("caption", { class: "visually-hidden", t: "deliveries.title" }), h("thead", {}, head), this.#body);
    this.append(h("div", { class: "card-head" }, h("h2", { class: "card-title", t: "deliveries.title" }), this.#count), this.#empty, this.#table, this.#error);
    languages.on("change", () => {
      this.#written = "";
      this.#write();
    });
  }

  /** @param {FullEvent} event */
  set event({ deliveries }) {
    this.#deliveries = deliveries;
    this.#write();
  }

  #write() {
    const written = JSON.stringify(this.#deliveries);
    if (written === this.#written) return;
    this.#written = written;
    const some = this.#deliveries.length > 0;
    this.#empty.hidden = some;
    this.#table.hidden = this.#count.hidden = !some;
    const delivered = this.#deliveries.filter(({ state }) => state === "delivered").length;
    say(this.#count, "deliveries.count", { delivered, count: this.#deliveries.length });
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.delivery : undefined;
    this.#body.replaceChildren(...this.#deliveries.map((delivery) => this.#row(delivery)));
    if (focused) [...this.#body.querySelectorAll("button")].find(({ dataset }) => dataset.delivery === focused)?.focus();
  }

  /** @param {EventDelivery} delivery */
  #row(delivery) {
    const { host, path } = placeOf(delivery);
    const place = { class: "delivery-host", href: `#webhooks/${encodeURIComponent(delivery.webhook)}`, title: delivery.url };
    const receiver = h("a", place, h("strong", {}, host), h("span", { class: "delivery-path" }, path));
    const cells = [
      h("th", { scope: "row" }, receiver),
      h("td", { class: "delivery-type" }, h("span", { t: typeWord(delivery.type) })),
      h("td", {}, stateChip(delivery)),
      h("td", { class: "delivery-attempts" }, say(h("span"), "deliveries.tries", { count: delivery.attempts })),
      h("td", { class: "delivery-when" }, ...whenWords(delivery)),
      h("td", { class: "delivery-act" }, delivery.state === "waiting" ? null : this.#again(delivery)),
    ];
    const row = h("tr", { testid: "delivery" }, ...cells);
    row.dataset.state = delivery.state;
    row.dataset.type = delivery.type;
    return row;
  }

  /** @param {EventDelivery} delivery */
  #again(delivery) {
    const button = h("button", { class: "icon-button", type: "button", testid: "replay", "data-needs": "alerts", label: "deliveries.replay", hint: "deliveries.replay" }, icon("retry"));
    button.dataset.delivery = delivery.id;
    button.onclick = async () => {
      this.#error.hidden = true;
      button.disabled = true;
      try {
        await this.#webhooks.replay(delivery.webhook, delivery.id);
        this.dispatchEvent(new CustomEvent("replayed"));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        this.#error.hidden = false;
        this.#error.textContent = problemWords(error);
      } finally {
        button.disabled = false;
      }
    };
    return button;
  }
}

/** @param {{ state: import("../types.js").DeliveryState, attempts: number, last_error: string | null }} delivery */
export function stateChip({ state, attempts }) {
  const chip = h("span", { class: "chip delivery-state", t: state === "waiting" && attempts ? "delivery.retrying" : `delivery.${state}` });
  chip.dataset.state = state === "waiting" && attempts ? "retrying" : state;
  return chip;
}

/** @param {import("../types.js").DeliveryReport} delivery @returns {Node[]} */
export function whenWords({ state, delivered_at, next_try_at, last_error, last_status }) {
  const words = h("span");
  if (state === "delivered" && delivered_at) say(words, "delivery.delivered.at", { time: when(delivered_at) });
  else if (state === "waiting" && next_try_at && (last_error || last_status)) {
    // A receiver that failed often is left alone: what waits for it is due, and is not tried.
    if (Date.parse(next_try_at) > serverNow() - LATE_MS) say(words, "delivery.next", { time: when(next_try_at) });
    else say(words, "delivery.held");
  }
  if (state === "delivered" || (!last_error && !last_status)) return [words];
  const why = h("span", { class: "delivery-why", lang: "en" });
  quote(why, failureWords(last_error, last_status));
  return [why, words];
}

// <vigie-delivery>: one delivery to one receiver; opened, every try of it with what was answered, and what was sent.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { failureWords, typeWord, when } from "../events/words.js";
import { problemWords } from "../fleet/problem-words.js";
import { quote, say } from "../i18n/i18n.js";
import { stateChip, whenWords } from "./vigie-receivers.js";

/** @typedef {import("../types.js").Delivery} Delivery */
/** @typedef {import("../types.js").Attempt} Attempt */

const COLUMNS = /** @type {const} */ (["at", "result", "took", "answer"]);

export class VigieDelivery extends HTMLElement {
  #api;
  #delivery;
  #toggle = h("button", { class: "delivery-toggle", type: "button", "aria-expanded": "false", testid: "delivery-toggle" });
  #replay = h("button", { class: "icon-button", type: "button", testid: "replay", label: "deliveries.replay", hint: "deliveries.replay" }, icon("retry"));
  #event = h("a", { class: "delivery-event", t: "delivery.event", testid: "delivery-event" });
  #details = h("div", { class: "delivery-details", hidden: true });
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  #written = "";

  /** @param {import("../alerts/webhooks-api.js").WebhooksApi} api @param {Delivery} delivery */
  constructor(api, delivery) {
    super();
    this.#api = api;
    this.#delivery = delivery;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("delivery");
    this.setAttribute("role", "listitem");
    this.dataset.testid = "hook-delivery";
    this.dataset.id = this.#delivery.id;
    this.append(h("div", { class: "delivery-row" }, this.#toggle, this.#event, this.#replay), this.#error, this.#details);
    this.#toggle.onclick = () => void this.#open(this.#details.hidden === true);
    this.#replay.onclick = () => void this.#again();
    this.#write();
  }

  /** @param {Delivery} delivery */
  set delivery(delivery) {
    const news = delivery.state !== this.#delivery.state || delivery.attempts !== this.#delivery.attempts;
    this.#delivery = delivery;
    this.#write();
    if (news && !this.#details.hidden) void this.#load();
  }

  get delivery() {
    return this.#delivery;
  }

  /** The visitor's language is another. */
  again() {
    this.#written = "";
    this.#write();
    if (!this.#details.hidden) void this.#load();
  }

  #write() {
    const delivery = this.#delivery;
    const written = JSON.stringify(delivery);
    if (written === this.#written || !this.childElementCount) return;
    this.#written = written;
    this.dataset.state = delivery.state;
    this.#toggle.replaceChildren(
      icon("next"),
      stateChip(delivery),
      h("span", { class: "delivery-name" }, h("strong", { t: typeWord(delivery.type) }), h("time", { datetime: delivery.created_at }, when(delivery.created_at))),
      say(h("span", { class: "delivery-attempts" }), "deliveries.tries", { count: delivery.attempts }),
      h("span", { class: "delivery-when" }, ...whenWords(delivery)),
    );
    this.#event.hidden = !delivery.event;
    if (delivery.event) this.#event.href = `#event/${encodeURIComponent(delivery.event)}`;
    this.#replay.disabled = delivery.state === "waiting";
  }

  /** @param {boolean} open */
  async #open(open) {
    this.#details.hidden = !open;
    this.#toggle.setAttribute("aria-expanded", String(open));
    if (!open) return;
    if (!this.#details.childElementCount) this.#details.append(h("span", { class: "spinner" }));
    await this.#load();
  }

  async #load() {
    await this.#try(async () => {
      const { body, log } = await this.#api.delivery(this.#delivery.webhook, this.#delivery.id);
      const head = h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col", t: `attempt.${name}` })));
      const table = h("table", { class: "attempts", testid: "attempts" }, h("thead", {}, head), h("tbody", {}, ...log.map(attemptRow)));
      const text = typeof body === "string" ? pretty(body) : JSON.stringify(body, null, 2);
      this.#details.replaceChildren(
        log.length ? h("div", { class: "table-wrap" }, table) : h("p", { class: "hint", t: "attempt.none" }),
        h("details", { class: "plot-table" }, h("summary", { t: "delivery.body" }), h("pre", { class: "code", tabindex: 0 }, h("code", {}, text ?? ""))),
        h("p", { class: "hint delivery-id" }, h("code", {}, `webhook-id: ${this.#delivery.id}`)),
      );
    });
  }

  async #again() {
    await this.#try(async () => {
      await this.#api.replay(this.#delivery.webhook, this.#delivery.id);
      this.dispatchEvent(new CustomEvent("replayed", { bubbles: true }));
    });
  }

  /** @param {() => Promise<void>} step */
  async #try(step) {
    this.#error.hidden = true;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
    }
  }
}

/** @param {Attempt} attempt */
function attemptRow({ at, took_ms, status, error, response }) {
  const result = h("td", { class: "attempt-result" });
  if (status) quote(result, `HTTP ${status}`);
  else if (error) result.append(h("span", { lang: "en" }, failureWords(error, status)));
  else say(result, "attempt.ok");
  const answer = h("td", { class: "attempt-answer" }, h("code", {}, response ?? ""));
  if (status && error) answer.prepend(h("span", { lang: "en" }, failureWords(error, status)));
  return h("tr", {}, h("th", { scope: "row" }, when(at)), result, say(h("td"), "attempt.ms", { count: Math.round(took_ms) }), answer);
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

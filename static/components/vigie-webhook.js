// <vigie-webhook>: one receiver of alerts: where, of what it is told, how it fares, and a try of it.
import { Problem } from "../api.js";
import { conditionOf, reasonOff, whatTold, whenTold } from "../alerts/words.js";
import { h, icon } from "../dom.js";
import { placeOf } from "../events/receivers.js";
import { failureWords, when } from "../events/words.js";
import { problemWords } from "../fleet/problem-words.js";
import { languages, quote, say } from "../i18n/i18n.js";

/** @typedef {import("../types.js").Webhook} Webhook */
/** @typedef {import("../types.js").FullDelivery} FullDelivery */

const POLL_MS = 400;
const PATIENCE_MS = 25_000; // longer than one try may take

/** Why a receiver of the settings is off when they name it no more: then it may be removed here. */
const UNDECLARED = "not in the settings";

export class VigieWebhook extends HTMLElement {
  #api;
  #webhook;
  #chip = h("span", { class: "chip hook-chip", testid: "hook-condition" });
  #channel = h("span", { class: "tag", hidden: true });
  #host = h("strong", { class: "hook-host" });
  #path = h("span", { class: "hook-path" });
  #link = h("a", { class: "hook-link" }, this.#host, this.#path);
  #description = h("p", { class: "hook-description" });
  #when = h("p", { class: "hook-words", testid: "hook-words" });
  #what = h("p", { class: "hook-words" });
  #figures = h("dl", { class: "hook-figures" });
  /** @type {Record<string, HTMLElement>} */
  #values = {};
  #why = h("p", { class: "notice", testid: "hook-why", hidden: true });
  #drop = h("button", { class: "button is-compact", type: "button", t: "hook.secrets.drop", testid: "hook-drop" });
  #secrets = h("div", { class: "notice hook-secrets", hidden: true }, h("span", { t: "hook.secrets.two" }), this.#drop);
  #test = action("hook.test", "send", "hook-test");
  #open = h("a", { class: "button is-compact", testid: "hook-open" }, icon("clock"), h("span", { t: "hook.deliveries" }));
  #edit = action("hook.edit.short", "edit", "hook-edit");
  #power = h("button", { class: "button is-compact", type: "button", testid: "hook-power" });
  #rotate = action("hook.rotate", "key", "hook-rotate");
  #remove = action("hook.remove", "trash", "hook-remove");
  #settings = h("p", { class: "hint", t: "hook.settings", hidden: true });
  #result = h("p", { class: "hook-result", role: "status", testid: "test-result", hidden: true });
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  #trying = new AbortController();
  /** @type {() => void} */
  #forget = () => {};

  /** @param {import("../alerts/webhooks-api.js").WebhooksApi} api @param {Webhook} webhook */
  constructor(api, webhook) {
    super();
    this.#api = api;
    this.#webhook = webhook;
  }

  connectedCallback() {
    this.#forget = languages.on("change", () => this.#write());
    if (this.childElementCount) return void this.#write();
    this.classList.add("card", "hook");
    this.dataset.testid = "hook";
    this.dataset.id = this.#webhook.id;
    for (const name of /** @type {const} */ (["waiting", "dead", "success", "failure"])) {
      const value = h("dd", { testid: `hook-${name}` });
      this.#values[name] = value;
      this.#figures.append(h("div", { class: `hook-figure hook-figure-${name}` }, h("dt", { t: `hook.${name}` }), value));
    }
    const place = `#webhooks/${encodeURIComponent(this.#webhook.id)}`;
    this.#link.href = this.#open.href = place;
    const head = h("div", { class: "hook-head" }, h("div", { class: "hook-name" }, this.#link, this.#channel), this.#chip);
    const acts = h("div", { class: "hook-acts" }, this.#test, this.#open, this.#edit, this.#power, this.#rotate, this.#remove);
    this.append(head, this.#description, h("div", { class: "hook-told" }, this.#when, this.#what), this.#why, this.#secrets, this.#figures, acts, this.#settings, this.#result, this.#error);
    this.#test.onclick = () => void this.#fire();
    for (const [name, button] of Object.entries({ edit: this.#edit, rotate: this.#rotate, remove: this.#remove, "drop-secret": this.#drop })) {
      button.onclick = () => this.dispatchEvent(new CustomEvent(name, { detail: this.#webhook, bubbles: true }));
    }
    this.#power.onclick = () => void this.#try(async () => this.#tell(await this.#api.change(this.#webhook.id, { enabled: !this.#webhook.enabled })));
    this.#write();
  }

  disconnectedCallback() {
    this.#forget();
    this.#trying.abort();
  }

  get webhook() {
    return this.#webhook;
  }

  /** @param {Webhook} webhook */
  set webhook(webhook) {
    this.#webhook = webhook;
    if (this.childElementCount) this.#write();
  }

  /** Whether its deliveries are listed below it. @param {boolean} alone */
  set alone(alone) {
    this.classList.toggle("is-alone", alone);
    this.#open.hidden = alone;
  }

  /** @param {Webhook} webhook */
  #tell(webhook) {
    this.webhook = webhook;
    this.dispatchEvent(new CustomEvent("changed", { detail: webhook, bubbles: true }));
  }

  #write() {
    const webhook = this.#webhook;
    const { host, path } = placeOf(webhook);
    const condition = conditionOf(webhook);
    quote(this.#host, host);
    quote(this.#path, path);
    this.#link.title = webhook.url;
    this.#channel.hidden = webhook.channel === "webhook";
    quote(this.#channel, webhook.channel.toUpperCase());
    this.#chip.dataset.condition = condition;
    say(this.#chip, `hook.condition.${condition}`);
    this.#description.hidden = !webhook.description;
    quote(this.#description, webhook.description);
    quote(this.#when, whenTold(webhook));
    quote(this.#what, whatTold(webhook));
    this.#why.hidden = condition !== "gone" && condition !== "open";
    if (condition === "gone") quote(this.#why, reasonOff(webhook.reason ?? ""));
    else if (condition === "open") say(this.#why, "hook.why.open");
    const mine = webhook.channel === "webhook";
    this.#secrets.hidden = webhook.secrets < 2 || !mine;
    for (const button of [this.#edit, this.#power, this.#rotate]) button.hidden = !mine;
    this.#remove.hidden = !mine && webhook.reason !== UNDECLARED;
    this.#settings.hidden = mine;
    if (this.#power.dataset.on !== String(webhook.enabled)) {
      this.#power.dataset.on = String(webhook.enabled);
      this.#power.replaceChildren(icon(webhook.enabled ? "pause" : "play"), h("span", { t: webhook.enabled ? "hook.disable" : "hook.enable" }));
    }
    this.#writeFigures(webhook);
  }

  /** @param {Webhook} webhook */
  #writeFigures({ waiting, dead, last_success_at, last_failure }) {
    const { waiting: wait, dead: gone, success, failure } = this.#values;
    if (!wait || !gone || !success || !failure) return;
    quote(wait, String(waiting));
    quote(gone, String(dead));
    gone.toggleAttribute("data-some", dead > 0);
    if (last_success_at) quote(success, when(last_success_at));
    else say(success, "hook.never");
    if (!last_failure) return void say(failure, "hook.never");
    const why = h("span", { class: "hook-failure", lang: "en" }, failureWords(last_failure.error, last_failure.status));
    failure.replaceChildren(h("span", {}, when(last_failure.at)), why);
  }

  async #fire() {
    this.#trying.abort();
    const trying = (this.#trying = new AbortController());
    this.#test.disabled = true;
    this.#say("working", "test.working");
    await this.#try(async () => {
      const begun = performance.now();
      let delivery = await this.#api.delivery(this.#webhook.id, (await this.#api.test(this.#webhook.id)).id, trying.signal);
      while (delivery.state === "waiting" && !delivery.log.length && performance.now() - begun < PATIENCE_MS) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        delivery = await this.#api.delivery(this.#webhook.id, delivery.id, trying.signal);
      }
      if (!trying.signal.aborted) this.#writeResult(delivery);
      this.dispatchEvent(new CustomEvent("tested", { bubbles: true }));
    });
    if (this.#result.dataset.state === "working") this.#result.hidden = true;
    this.#test.disabled = false;
  }

  /** @param {FullDelivery} delivery */
  #writeResult({ state, log, last_status: status, last_error: error }) {
    const took = log.at(-1)?.took_ms ?? 0;
    if (state === "delivered") return this.#say("ok", status ? "test.ok" : "test.ok.plain", { status: String(status), ms: Math.round(took) });
    if (!log.length) return this.#say("failed", "test.late");
    this.#say("failed", "test.failed");
    this.#result.append(h("span", { class: "hook-failure", lang: "en" }, failureWords(error, status)));
  }

  /** @param {"working" | "ok" | "failed"} state @param {import("../i18n/i18n.js").Key} key @param {import("../i18n/i18n.js").Values} [values] */
  #say(state, key, values) {
    this.#result.hidden = false;
    this.#result.dataset.state = state;
    const sign = state === "working" ? h("span", { class: "spinner" }) : icon(state === "ok" ? "check" : "warning");
    this.#result.replaceChildren(sign, say(h("span"), key, values));
  }

  /** @param {() => Promise<void>} step */
  async #try(step) {
    this.#error.hidden = true;
    try {
      await step();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      if (!(error instanceof Problem)) throw error;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
    }
  }
}

/** @param {import("../i18n/i18n.js").Key} key @param {string} symbol @param {string} testid */
function action(key, symbol, testid) {
  return h("button", { class: "button is-compact", type: "button", testid }, icon(symbol), h("span", { t: key }));
}

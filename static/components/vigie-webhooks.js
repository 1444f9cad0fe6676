// <vigie-webhooks>: who is told of events: all receivers, or one with its deliveries.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { placeOf } from "../events/receivers.js";
import { problemWords } from "../fleet/problem-words.js";
import { say } from "../i18n/i18n.js";
import { VigieDeliveryList } from "./vigie-delivery-list.js";
import { VigieQuestion } from "./vigie-question.js";
import { VigieSecret } from "./vigie-secret.js";
import { VigieWebhook } from "./vigie-webhook.js";
import { VigieWebhookForm } from "./vigie-webhook-form.js";

/** @typedef {import("../types.js").Webhook} Webhook */

const LINES = /** @type {const} */ (["what", "how", "verify"]);
const AGAIN_MS = 3000;

export class VigieWebhooks extends HTMLElement {
  #api;
  #fleet;
  #title = h("h1", { class: "view-title", t: "hooks.title", tabindex: -1 });
  #intro = h("p", { class: "hint", t: "hooks.intro" });
  #back = h("a", { class: "button is-compact camera-back", href: "#webhooks", testid: "hooks-back" }, icon("previous"), h("span", { t: "hooks.title" }));
  #add = h("button", { class: "button is-primary is-compact", type: "button", testid: "hook-add" }, icon("plus"), h("span", { t: "hook.add" }));
  #notice = h("p", { class: "notice", role: "alert", testid: "hooks-notice", hidden: true });
  #list = h("div", { class: "hooks", testid: "hooks" });
  #blankIcon = h("div", { class: "blank-icon" });
  #blankTitle = h("h2", { class: "view-title" });
  #blankLines = h("ol", { class: "hooks-lines" }, ...LINES.map((line) => h("li", { t: `hooks.empty.${line}` })));
  #blankText = h("p", { class: "panel-text" });
  #first = h("button", { class: "button is-primary", type: "button", testid: "hook-add-first" }, icon("plus"), h("span", { t: "hook.add" }));
  #again = h("button", { class: "button", type: "button", t: "action.retry" });
  #blankParts = [this.#blankIcon, this.#blankTitle, this.#blankText, this.#blankLines, this.#first, this.#again];
  #blank = h("div", { class: "wall-blank timeline-blank", testid: "hooks-blank", hidden: true }, ...this.#blankParts);
  #deliveries;
  /** @type {Map<string, VigieWebhook>} */
  #cards = new Map();
  /** @type {Webhook[] | null} null: not known yet */
  #webhooks = null;
  /** @type {Problem | null} */
  #problem = null;
  /** @type {string | null} null: another view is shown */
  #shown = null;
  #asking = new AbortController();
  /** @type {number | undefined} */
  #timer;
  /** What the model finds. @type {string[]} */
  labels = [];

  /** @param {import("../alerts/webhooks-api.js").WebhooksApi} api @param {import("../fleet/fleet.js").Fleet} fleet */
  constructor(api, fleet) {
    super();
    this.#api = api;
    this.#fleet = fleet;
    this.#deliveries = new VigieDeliveryList(api);
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("webhooks");
    const head = h("div", { class: "hooks-head" }, this.#back, h("div", { class: "hooks-words" }, this.#title, this.#intro), this.#add);
    this.append(head, this.#notice, this.#blank, this.#list, this.#deliveries);
    this.#add.onclick = this.#first.onclick = () => this.#edit(null);
    this.#again.onclick = () => void this.#ask();
    this.#list.addEventListener("edit", (event) => this.#edit(/** @type {CustomEvent<Webhook>} */ (event).detail));
    this.#list.addEventListener("rotate", (event) => this.#rotate(/** @type {CustomEvent<Webhook>} */ (event).detail));
    this.#list.addEventListener("drop-secret", (event) => this.#drop(/** @type {CustomEvent<Webhook>} */ (event).detail));
    this.#list.addEventListener("remove", (event) => this.#remove(/** @type {CustomEvent<Webhook>} */ (event).detail));
    this.#list.addEventListener("changed", (event) => this.#put(/** @type {CustomEvent<Webhook>} */ (event).detail));
    this.#list.addEventListener("tested", () => this.#soon());
    this.#deliveries.addEventListener("replayed", () => this.#soon());
    this.addEventListener("keydown", ({ key, target, defaultPrevented }) => {
      const typing = target instanceof Element && target.closest("input, select, textarea, dialog");
      if (key === "Escape" && this.#shown && !defaultPrevented && !typing) location.hash = "#webhooks";
    });
  }

  /** @param {string | null} id of one; empty: all; null: another view is shown */
  set shown(id) {
    if (id === this.#shown) return;
    const before = this.#shown;
    this.#shown = id;
    this.hidden = id === null;
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.#deliveries.webhook = id ?? "";
    if (id === null) return;
    this.#asking = new AbortController();
    this.#problem = null;
    scrollTo({ top: 0, behavior: "instant" });
    this.#write();
    if (id) this.#title.focus({ preventScroll: true });
    else if (before) this.#cards.get(before)?.querySelector("a")?.focus();
    void this.#ask();
  }

  async #ask() {
    const { signal } = this.#asking;
    clearTimeout(this.#timer);
    try {
      const webhooks = await this.#api.list(signal);
      if (signal.aborted) return;
      this.#webhooks = webhooks;
      this.#problem = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#problem = error;
    }
    this.#write();
    this.#soon(AGAIN_MS);
  }

  #soon(wait_ms = 50) {
    clearTimeout(this.#timer);
    if (this.#shown !== null) this.#timer = setTimeout(() => (document.hidden ? this.#soon(AGAIN_MS) : void this.#ask()), wait_ms);
  }

  /** @param {Webhook} webhook */
  #put(webhook) {
    const others = this.#webhooks ?? [];
    this.#webhooks = others.some(({ id }) => id === webhook.id) ? others.map((other) => (other.id === webhook.id ? webhook : other)) : [...others, webhook];
    this.#write();
    this.#soon();
  }

  #write() {
    const all = this.#webhooks ?? [];
    const shown = this.#shown ? all.filter(({ id }) => id === this.#shown) : all;
    const one = this.#shown ? shown[0] : undefined;
    this.#back.hidden = !this.#shown;
    this.#intro.hidden = Boolean(this.#shown);
    this.#add.hidden = Boolean(this.#shown) || !all.length;
    if (one) say(this.#title, "hooks.one", { host: placeOf(one).host });
    else say(this.#title, "hooks.title");
    this.#fill(shown);
    this.#list.hidden = !shown.length;
    this.#deliveries.hidden = !one;
    this.#deliveries.dead = one?.dead ?? 0;
    this.#notice.hidden = !this.#problem || !this.#webhooks;
    if (this.#problem) this.#notice.textContent = problemWords(this.#problem);
    this.#blank.hidden = shown.length > 0;
    if (!this.#blank.hidden) this.#writeBlank(this.#webhooks ? (this.#shown ? "gone" : "empty") : this.#problem ? "error" : "loading");
  }

  /** @param {"gone" | "empty" | "error" | "loading"} reason */
  #writeBlank(reason) {
    if (this.#blank.dataset.reason !== reason) {
      this.#blank.dataset.reason = reason;
      this.#blankIcon.replaceChildren(reason === "loading" ? h("span", { class: "spinner" }) : icon({ gone: "search", empty: "send", error: "link_off" }[reason]));
    }
    say(this.#blankTitle, reason === "error" ? "state.error.title" : `hooks.${reason}`);
    this.#blankLines.hidden = this.#first.hidden = reason !== "empty";
    this.#again.hidden = this.#blankText.hidden = reason !== "error";
    if (this.#problem) this.#blankText.textContent = problemWords(this.#problem);
  }

  /** @param {Webhook[]} shown */
  #fill(shown) {
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, card] of this.#cards) {
      if (ids.has(id)) continue;
      card.remove();
      this.#cards.delete(id);
    }
    shown.forEach((webhook, index) => {
      const card = this.#cards.get(webhook.id) ?? new VigieWebhook(this.#api, webhook);
      this.#cards.set(webhook.id, card);
      // One put elsewhere would stop its test.
      if (this.#list.children[index] !== card) this.#list.insertBefore(card, this.#list.children[index] ?? null);
      card.webhook = webhook;
      card.alone = Boolean(this.#shown);
    });
  }

  /** @param {Webhook | null} webhook null: a new one */
  #edit(webhook) {
    const form = new VigieWebhookForm(this.#api, webhook, { cameras: this.#fleet.cameras.map(({ name }) => name), kinds: this.labels });
    form.addEventListener("saved", (event) => {
      const { secret = "", ...saved } = /** @type {CustomEvent} */ (event).detail;
      this.#put(saved);
      // Only now, as the closing form gives the focus back to the page.
      if (secret) setTimeout(() => new VigieSecret(saved, secret, false).open());
    });
    form.begin();
  }

  /** @param {Webhook} webhook */
  #rotate(webhook) {
    new VigieQuestion({
      title: "rotate.title", text: webhook.secrets > 1 ? "rotate.text.second" : "rotate.text", yes: "hook.rotate", symbol: "key", values: { host: placeOf(webhook).host },
      act: async () => {
        const { secret, ...changed } = await this.#api.rotate(webhook.id);
        this.#put({ ...webhook, ...changed });
        setTimeout(() => new VigieSecret(webhook, secret, true).open());
      },
    }).begin();
  }

  /** @param {Webhook} webhook */
  #drop(webhook) {
    new VigieQuestion({
      title: "drop.title", text: "drop.text", yes: "hook.secrets.drop", symbol: "key", danger: true,
      act: async () => {
        await this.#api.dropPrevious(webhook.id);
        this.#put({ ...webhook, secrets: 1 });
      },
    }).begin();
  }

  /** @param {Webhook} webhook */
  #remove(webhook) {
    new VigieQuestion({
      title: "hook.remove.title", text: "hook.remove.text", yes: "hook.remove", symbol: "trash", danger: true, values: { host: placeOf(webhook).host },
      act: async () => {
        await this.#api.remove(webhook.id);
        this.#webhooks = (this.#webhooks ?? []).filter(({ id }) => id !== webhook.id);
        if (this.#shown) location.hash = "#webhooks";
        this.#write();
      },
    }).begin();
  }
}

// <vigie-tokens>: what programs come with.
import { accessWords, actorWords, mayWords } from "../access/words.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { when } from "../events/words.js";
import { languages, quote, say } from "../i18n/i18n.js";
import { VigieQuestion } from "./vigie-question.js";
import { VigieTokenForm } from "./vigie-token-form.js";

/** @typedef {import("../access/access-api.js").Token} Token */

export class VigieTokens extends HTMLElement {
  #api;
  #add = h("button", { class: "button is-compact", type: "button", testid: "add-token" }, icon("plus"), h("span", { t: "access.token.add" }));
  #empty = h("p", { class: "hint", t: "access.tokens.none", hidden: true });
  #list = h("ul", { class: "access-list", testid: "tokens" });
  #error = h("p", { class: "form-error", role: "alert", testid: "tokens-error", hidden: true });
  /** @type {Token[]} */
  #tokens = [];

  /** @param {import("../access/access-api.js").AccessApi} api */
  constructor(api) {
    super();
    this.#api = api;
    this.dataset.needs = "access";
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "access-card");
    this.append(h("div", { class: "access-head" }, h("h2", { class: "card-title", t: "access.tokens" }), this.#add), h("p", { class: "hint", t: "access.tokens.hint" }), this.#empty, this.#list, this.#error);
    this.#add.onclick = () => {
      const form = new VigieTokenForm(this.#api);
      form.addEventListener("saved", () => void this.refresh());
      form.begin();
    };
    languages.on("change", () => this.#write());
  }

  async refresh() {
    this.#error.hidden = true;
    try {
      this.#tokens = await this.#api.tokens();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      quote(this.#error, accessWords(error));
      this.#error.hidden = false;
    }
    this.#write();
  }

  #write() {
    this.#empty.hidden = this.#tokens.length > 0;
    this.#list.replaceChildren(...this.#tokens.map((token) => this.#item(token)));
  }

  /** @param {Token} token */
  #item(token) {
    const revoke = h("button", { class: "button is-compact", type: "button", testid: "token-revoke" }, icon("trash"), h("span", { t: "access.token.revoke" }));
    revoke.onclick = () => this.#revoke(token);
    const over = token.expires_at !== null && new Date(token.expires_at) <= new Date();
    const until = token.expires_at ? say(h("span"), over ? "access.token.expired" : "access.token.until", { when: when(token.expires_at) }) : say(h("span"), "access.token.forever");
    const used = say(h("span"), token.last_used_at ? "access.token.used" : "access.token.unused", token.last_used_at ? { when: when(token.last_used_at) } : {});
    const by = say(h("span"), "access.token.by", { who: actorWords(token.created_by) });
    return h(
      "li",
      { class: "access-item", testid: "token" },
      h("div", { class: "access-words" }, h("strong", {}, token.name), h("span", {}, mayWords(token)), h("span", { class: "hint access-facts" }, until, used, by)),
      h("div", { class: "access-acts" }, revoke),
    );
  }

  /** @param {Token} token */
  #revoke(token) {
    new VigieQuestion({
      title: "access.token.revoke.title", text: "access.token.revoke.text", yes: "access.token.revoke", symbol: "trash", danger: true, values: { name: token.name },
      act: async () => {
        await this.#api.revokeToken(token.id);
        await this.refresh();
      },
    }).begin();
  }
}

// <vigie-audit>: who did what, when and from where.
import { accessWords, actionWords, actorWords } from "../access/words.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { when } from "../events/words.js";
import { languages, quote } from "../i18n/i18n.js";

/** @typedef {import("../access/access-api.js").AuditEntry} AuditEntry */

export class VigieAudit extends HTMLElement {
  #api;
  #again = h("button", { class: "button is-compact", type: "button", testid: "audit-again" }, icon("retry"), h("span", { t: "access.audit.again" }));
  #body = h("tbody", { testid: "audit" });
  #more = h("button", { class: "button is-compact", type: "button", t: "access.audit.more", testid: "audit-more", hidden: true });
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  /** @type {AuditEntry[]} */
  #entries = [];
  /** @type {number | null} */
  #next = null;

  /** @param {import("../access/access-api.js").AccessApi} api */
  constructor(api) {
    super();
    this.#api = api;
    this.dataset.needs = "access";
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "access-card");
    const head = h("tr", {}, ...(/** @type {const} */ (["when", "who", "from", "what"])).map((name) => h("th", { scope: "col", t: `access.audit.${name}` })));
    const table = h("div", { class: "audit-wrap", tabindex: 0, role: "region", label: "access.audit" }, h("table", { class: "audit" }, h("thead", {}, head), this.#body));
    this.append(h("div", { class: "access-head" }, h("h2", { class: "card-title", t: "access.audit" }), this.#again), table, this.#error, this.#more);
    this.#again.onclick = () => void this.refresh();
    this.#more.onclick = () => void this.#read(this.#next);
    languages.on("change", () => this.#write());
  }

  refresh() {
    return this.#read(null);
  }

  /** @param {number | null} before */
  async #read(before) {
    this.#error.hidden = true;
    try {
      const page = await this.#api.audit(before);
      this.#entries = before ? [...this.#entries, ...page.entries] : page.entries;
      this.#next = page.next;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      quote(this.#error, accessWords(error));
      this.#error.hidden = false;
    }
    this.#write();
  }

  #write() {
    this.#more.hidden = this.#next === null;
    this.#body.replaceChildren(
      ...this.#entries.map((entry) => {
        const what = h("td", {}, h("span", {}, actionWords(entry)), entry.target ? h("span", { class: "audit-target" }, entry.target) : null);
        if (entry.outcome === "refused") what.append(h("span", { class: "chip audit-refused", t: "access.audit.refused" }));
        return h("tr", { "data-outcome": entry.outcome }, h("td", { class: "audit-when" }, when(entry.at)), h("td", {}, actorWords(entry.actor)), h("td", { class: "audit-from" }, entry.address), what);
      }),
    );
  }
}

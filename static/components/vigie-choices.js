// <vigie-choices>: some of several things, or all of them.
import { h } from "../dom.js";
import { say } from "../i18n/i18n.js";

/** @typedef {import("../i18n/i18n.js").Key} Key */
/** @typedef {{ value: string, text: string, hint?: string }} Choice */

export class VigieChoices extends HTMLElement {
  #name;
  #all;
  #legend;
  #hint = h("p", { class: "hint", hidden: true });
  #error = h("p", { class: "field-error", hidden: true });
  #words = h("span");
  #detail = h("span", { class: "field-detail", lang: "en", hidden: true });
  #everything = h("input", { type: "checkbox", class: "checkbox" });
  #list = h("div", { class: "choice-list" });
  #fieldset = h("fieldset", { class: "choices" });
  /** @type {Map<string, HTMLInputElement>} */
  #boxes = new Map();

  /** @param {string} name @param {Key} legend @param {Key | null} all what choosing nothing means; null: it is a mistake */
  constructor(name, legend, all) {
    super();
    this.#name = name;
    this.#all = all;
    this.#legend = legend;
    this.dataset.field = name;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("field");
    this.#error.append(this.#words, this.#detail);
    this.#error.id = `hook-${this.#name}-error`;
    this.#everything.id = `hook-${this.#name}-all`;
    this.#everything.dataset.testid = this.#everything.id;
    const all = this.#all === null ? null : h("div", { class: "check" }, this.#everything, h("label", { class: "label", for: this.#everything.id, t: this.#all }));
    this.#fieldset.setAttribute("aria-describedby", this.#error.id);
    this.#fieldset.append(h("legend", { class: "label", t: this.#legend }), ...(all ? [all] : []), this.#list, this.#error, this.#hint);
    this.append(this.#fieldset);
    this.#everything.onchange = () => {
      this.#open();
      if (!this.#everything.checked) this.#boxes.values().next().value?.focus();
    };
    this.#fieldset.addEventListener("change", () => this.right());
  }

  /** @param {Choice[]} choices @param {string[]} chosen none: all, where that is possible */
  show(choices, chosen) {
    const more = chosen.filter((value) => !choices.some((choice) => choice.value === value)).map((value) => ({ value, text: value }));
    this.#boxes.clear();
    this.#list.replaceChildren(...[...choices, ...more].map((choice, index) => this.#item(choice, index, chosen)));
    this.#everything.checked = this.#all !== null && !chosen.length;
    this.#open();
  }

  /** @returns {string[]} none: all */
  get value() {
    if (this.#all !== null && this.#everything.checked) return [];
    return [...this.#boxes].filter(([, box]) => box.checked).map(([value]) => value);
  }

  /** Whether it neither says all nor names any. */
  get missing() {
    return !this.value.length && !(this.#all !== null && this.#everything.checked);
  }

  focusFirst() {
    (this.#everything.isConnected ? this.#everything : this.#boxes.values().next().value)?.focus();
  }

  get bad() {
    return !this.#error.hidden;
  }

  /** @param {Key} key @param {string} [detail] the server's own words */
  wrong(key, detail = "") {
    this.#error.hidden = false;
    this.#fieldset.setAttribute("aria-invalid", "true");
    say(this.#words, key);
    this.#detail.hidden = !detail;
    this.#detail.textContent = detail;
  }

  right() {
    this.#error.hidden = true;
    this.#fieldset.removeAttribute("aria-invalid");
  }

  #open() {
    this.#list.hidden = this.#all !== null && this.#everything.checked;
  }

  /** @param {Choice} choice @param {number} index @param {string[]} chosen */
  #item({ value, text, hint }, index, chosen) {
    const id = `hook-${this.#name}-${index}`;
    const box = h("input", { type: "checkbox", class: "checkbox", id, value, testid: `hook-${this.#name}-${value}` });
    box.checked = chosen.includes(value);
    this.#boxes.set(value, box);
    const label = h("label", { class: "choice-label", for: id }, h("span", {}, text), hint ? h("span", { class: "hint" }, hint) : null);
    return h("div", { class: "check" }, box, label);
  }
}

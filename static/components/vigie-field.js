// <vigie-field>: one labelled field with its hint and, when it is wrong, why.
import { h } from "../dom.js";
import { say } from "../i18n/i18n.js";

/** @typedef {import("../i18n/i18n.js").Key} Key */

export class VigieField extends HTMLElement {
  #error = h("p", { class: "field-error", hidden: true });
  #words = h("span");
  #detail = h("span", { class: "field-detail", lang: "en", hidden: true });
  #hint;
  #label;
  #input;

  /**
   * @param {string} name
   * @param {Key} label
   * @param {HTMLInputElement | HTMLSelectElement} input
   * @param {Key | null} [hint]
   * @param {string} [form] what the field belongs to
   */
  constructor(name, label, input, hint = null, form = "camera") {
    super();
    this.#input = input;
    this.dataset.field = name;
    input.id = `${form}-${name}`;
    input.dataset.testid = `${form}-${name}`;
    this.#label = h("label", { class: "label", for: input.id, t: label });
    this.#hint = h("p", { class: "hint", id: `${input.id}-hint`, hidden: hint === null });
    if (hint) say(this.#hint, hint);
    this.#error.id = `${input.id}-error`;
    this.#error.append(this.#words, this.#detail);
    input.setAttribute("aria-describedby", `${this.#error.id} ${this.#hint.id}`);
    input.addEventListener("input", () => this.right());
  }

  connectedCallback() {
    if (this.childElementCount) return;
    const check = this.#input.type === "checkbox";
    this.classList.add("field");
    if (check) this.append(h("div", { class: "check" }, this.#input, this.#label), this.#error, this.#hint);
    else this.append(this.#label, this.#input, this.#error, this.#hint);
  }

  get input() {
    return this.#input;
  }

  /** @param {Key} key */
  set label(key) {
    say(this.#label, key);
  }

  /** @param {Key | null} key */
  set hint(key) {
    this.#hint.hidden = key === null;
    if (key) say(this.#hint, key);
  }

  /** @param {Key} key @param {Record<string, string>} [values] @param {string} [detail] the server's own words */
  wrong(key, values = {}, detail = "") {
    this.#error.hidden = false;
    this.#input.setAttribute("aria-invalid", "true");
    say(this.#words, key, values);
    this.#detail.hidden = !detail;
    this.#detail.textContent = detail;
  }

  right() {
    this.#error.hidden = true;
    this.#input.removeAttribute("aria-invalid");
  }
}

// <vigie-question>: asks before something is done that cannot be undone.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { problemWords } from "../fleet/problem-words.js";
import { say } from "../i18n/i18n.js";
import { VigieDialog } from "./vigie-dialog.js";

/** @typedef {import("../i18n/i18n.js").Key} Key */
/**
 * @typedef {object} Question
 * @property {Key} title
 * @property {Key} text
 * @property {Key} yes
 * @property {string} symbol
 * @property {boolean} [danger]
 * @property {import("../i18n/i18n.js").Values} [values]
 * @property {() => Promise<void>} act
 */

export class VigieQuestion extends VigieDialog {
  #question;
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  #yes;
  #no = h("button", { class: "button", type: "button", t: "form.cancel", testid: "question-no" });

  /** @param {Question} question */
  constructor(question) {
    super();
    this.#question = question;
    const look = question.danger ? "is-danger" : "is-primary";
    this.#yes = h("button", { class: `button ${look}`, type: "submit", testid: "question-yes" }, icon(question.symbol), h("span", { t: question.yes }));
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    const { title, text, values = {} } = this.#question;
    this.dialog.dataset.testid = "question";
    say(this.heading, title, values);
    this.body.append(say(h("p"), text, values), this.#error);
    this.foot.append(h("span", { class: "dialog-space" }), this.#no, this.#yes);
    this.#no.onclick = () => this.close();
  }

  /** Enter must not do it by accident: the focus is on what leaves all as it is. */
  begin() {
    this.open();
    this.#no.focus();
  }

  dismissed() {
    this.close();
  }

  async submit() {
    this.#yes.disabled = true;
    try {
      await this.#question.act();
      this.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#yes.disabled = false;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
    }
  }
}

// <vigie-password-form>: the dialog for another password, one's own or that of a user.
import { accessWords } from "../access/words.js";
import { Problem } from "../api.js";
import { h } from "../dom.js";
import { quote, say } from "../i18n/i18n.js";
import { VigieDialog } from "./vigie-dialog.js";
import { VigieField } from "./vigie-field.js";

export class VigiePasswordForm extends VigieDialog {
  #api;
  #user;
  #current = new VigieField("current", "access.password.current", h("input", { class: "input", type: "password", maxlength: 200, autocomplete: "current-password" }), null, "password");
  #next = new VigieField("new", "access.password.new", h("input", { class: "input", type: "password", maxlength: 200, autocomplete: "new-password" }), "access.password.hint", "password");
  #error = h("p", { class: "form-error", role: "alert", testid: "password-error", hidden: true });
  #save = h("button", { class: "button is-primary", type: "submit", testid: "password-save", t: "form.save" });
  #cancel = h("button", { class: "button", type: "button", t: "form.cancel" });

  /** @param {import("../access/access-api.js").AccessApi} api @param {import("../access/access-api.js").User | null} user null: oneself */
  constructor(api, user) {
    super();
    this.#api = api;
    this.#user = user;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    this.dialog.dataset.testid = "password-form";
    say(this.heading, this.#user ? "access.password.of" : "access.password.change", { name: this.#user?.name ?? "" });
    this.#current.hidden = this.#user !== null;
    this.body.append(this.#current, this.#next, h("p", { class: "hint", t: this.#user ? "access.password.ends" : "access.password.ends.own" }), this.#error);
    this.foot.append(h("span", { class: "dialog-space" }), this.#cancel, this.#save);
    this.#cancel.onclick = () => this.close();
  }

  begin() {
    this.open();
    (this.#user ? this.#next : this.#current).input.focus();
  }

  async submit() {
    this.#error.hidden = true;
    this.#save.disabled = true;
    const next = this.#next.input.value;
    try {
      if (this.#user) await this.#api.changeUser(this.#user.id, { password: next });
      else await this.#api.changePassword(this.#current.input.value, next);
      this.dispatchEvent(new CustomEvent("saved"));
      this.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      quote(this.#error, accessWords(error));
      this.#error.hidden = false;
    } finally {
      this.#save.disabled = false;
    }
  }
}

// <vigie-user-form>: the dialog that adds a user.
import { accessWords, roleWord } from "../access/words.js";
import { Problem } from "../api.js";
import { h } from "../dom.js";
import { quote, say } from "../i18n/i18n.js";
import { VigieDialog } from "./vigie-dialog.js";
import { VigieField } from "./vigie-field.js";

export class VigieUserForm extends VigieDialog {
  #api;
  #name = new VigieField("name", "access.name", h("input", { class: "input", type: "text", maxlength: 63, autocomplete: "off", autocapitalize: "none", spellcheck: "false" }), null, "user");
  #password = new VigieField("password", "access.password", h("input", { class: "input", type: "password", maxlength: 200, autocomplete: "new-password" }), "access.password.hint", "user");
  #role = new VigieField("role", "access.role", h("select", { class: "select" }), "access.role.hint", "user");
  #error = h("p", { class: "form-error", role: "alert", testid: "user-error", hidden: true });
  #save = h("button", { class: "button is-primary", type: "submit", testid: "user-save", t: "access.user.add" });
  #cancel = h("button", { class: "button", type: "button", t: "form.cancel" });

  /** @param {import("../access/access-api.js").AccessApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    this.dialog.dataset.testid = "user-form";
    say(this.heading, "access.user.add");
    this.#role.input.append(...["viewer", "operator", "admin"].map((name) => h("option", { value: name }, roleWord(name))));
    this.body.append(this.#name, this.#password, this.#role, this.#error);
    this.foot.append(h("span", { class: "dialog-space" }), this.#cancel, this.#save);
    this.#cancel.onclick = () => this.close();
  }

  begin() {
    this.open();
    this.#name.input.focus();
  }

  async submit() {
    this.#error.hidden = true;
    this.#save.disabled = true;
    try {
      await this.#api.addUser({ name: this.#name.input.value.trim(), password: this.#password.input.value, role: this.#role.input.value });
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

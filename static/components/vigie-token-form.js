// <vigie-token-form>: the dialog that makes a token, and shows it this once.
import { accessWords } from "../access/words.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { quote, say, t } from "../i18n/i18n.js";
import { copy } from "./copy-button.js";
import { VigieChoices } from "./vigie-choices.js";
import { VigieDialog } from "./vigie-dialog.js";
import { VigieField } from "./vigie-field.js";

const SCOPES = /** @type {const} */ (["view", "detect", "publish", "metrics", "judge", "cameras", "alerts", "models", "access"]);
const KINDS = /** @type {const} */ (["scopes", "viewer", "operator", "admin"]);
const DAYS = /** @type {const} */ (["30", "90", "365", "never"]);
const COPIED_MS = 2000;

export class VigieTokenForm extends VigieDialog {
  #api;
  #name = new VigieField("name", "access.token.name", h("input", { class: "input", type: "text", maxlength: 63, autocomplete: "off" }), "access.token.name.hint", "token");
  #kind = new VigieField("kind", "access.token.may", h("select", { class: "select" }), null, "token");
  #scopes = new VigieChoices("scopes", "access.scopes", null);
  #days = new VigieField("days", "access.token.days", h("select", { class: "select" }), null, "token");
  #error = h("p", { class: "form-error", role: "alert", testid: "token-error", hidden: true });
  #save = h("button", { class: "button is-primary", type: "submit", testid: "token-save", t: "access.token.add" });
  #cancel = h("button", { class: "button", type: "button", t: "form.cancel" });
  #made = false;

  /** @param {import("../access/access-api.js").AccessApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    this.dialog.dataset.testid = "token-form";
    say(this.heading, "access.token.add");
    this.#kind.input.append(...KINDS.map((kind) => h("option", { value: kind, t: kind === "scopes" ? "access.token.some" : `access.role.${kind}` })));
    this.#days.input.append(...DAYS.map((days) => h("option", { value: days, t: `access.days.${days}` })));
    this.body.append(this.#name, this.#kind, this.#scopes, this.#days, this.#error);
    this.foot.append(h("span", { class: "dialog-space" }), this.#cancel, this.#save);
    this.#cancel.onclick = () => this.close();
    this.#scopes.show(SCOPES.map((value) => ({ value, text: t(`access.scope.${value}`) })), ["view"]);
    this.#kind.input.onchange = () => (this.#scopes.hidden = this.#kind.input.value !== "scopes");
  }

  begin() {
    this.open();
    this.#name.input.focus();
  }

  async submit() {
    if (this.#made) return this.close();
    this.#error.hidden = true;
    if (!this.#name.input.value.trim()) return this.#name.wrong("form.error.required");
    const kind = this.#kind.input.value;
    if (kind === "scopes" && this.#scopes.missing) return this.#scopes.wrong("access.scopes.none");
    this.#save.disabled = true;
    try {
      const may = kind === "scopes" ? { scopes: this.#scopes.value } : { role: kind };
      const days = this.#days.input.value === "never" ? {} : { days: Number(this.#days.input.value) };
      const made = await this.#api.addToken({ name: this.#name.input.value.trim(), ...may, ...days });
      this.dispatchEvent(new CustomEvent("saved"));
      this.#show(made.token);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      quote(this.#error, accessWords(error));
      this.#error.hidden = false;
    } finally {
      this.#save.disabled = false;
    }
  }

  /** @param {string} token */
  #show(token) {
    this.#made = true;
    const input = h("input", { class: "input is-code", type: "text", readonly: true, id: "token-value", testid: "token-value" });
    input.value = token;
    input.onfocus = () => input.select();
    const word = h("span", { t: "whip.copy", role: "status" });
    const button = h("button", { class: "button", type: "button", testid: "token-copy" }, icon("copy"), word);
    button.onclick = async () => {
      say(word, (await copy(token)) ? "whip.copied" : "whip.select");
      setTimeout(() => say(word, "whip.copy"), COPIED_MS);
    };
    this.body.replaceChildren(
      h("p", { class: "notice", t: "access.token.once" }),
      h("div", { class: "field" }, h("label", { class: "label", for: input.id, t: "access.token" }), h("div", { class: "copy-line" }, input, button)),
      h("p", { class: "hint", t: "access.token.how" }),
      h("pre", { class: "code" }, h("code", {}, "Authorization: Bearer TOKEN")),
    );
    this.dialog.addEventListener("cancel", (event) => event.preventDefault()); // Escape by habit must not lose it
    this.#cancel.hidden = true;
    say(this.#save, "secret.done");
    input.focus();
  }
}

// <vigie-login>: asks who it is, by name and password or by a token.
import { accessWords } from "../access/words.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { quote, say } from "../i18n/i18n.js";
import { VigieField } from "./vigie-field.js";

export class VigieLogin extends HTMLElement {
  #api;
  #linkFailed;
  #name = new VigieField("name", "access.name", h("input", { class: "input", type: "text", name: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false" }), null, "login");
  #password = new VigieField("password", "access.password", h("input", { class: "input", type: "password", name: "password", autocomplete: "current-password" }), null, "login");
  #token = new VigieField("token", "access.token", h("input", { class: "input is-code", type: "password", name: "token", autocomplete: "off" }), "access.token.hint", "login");
  #error = h("p", { class: "form-error", role: "alert", testid: "login-error", hidden: true });
  #go = h("button", { class: "button is-primary", type: "submit", testid: "login-go" }, h("span", { t: "access.login" }));
  #other = h("button", { class: "button", type: "button", testid: "login-other" });
  #form = h("form", { class: "card login", novalidate: true });
  #byToken = false;

  /** @param {import("../access/access-api.js").AccessApi} api @param {boolean} linkFailed whether a link with a token was no good */
  constructor(api, linkFailed) {
    super();
    this.#api = api;
    this.#linkFailed = linkFailed;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("login-view");
    this.#form.append(
      h("div", { class: "login-symbol" }, icon("lock")),
      h("h1", { class: "view-title", t: "access.login.title" }),
      this.#name, this.#password, this.#token, this.#error,
      h("div", { class: "login-acts" }, this.#go, this.#other),
      h("p", { class: "hint", t: "access.login.hint" }),
    );
    this.append(this.#form);
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      void this.#submit();
    };
    this.#other.onclick = () => this.#choose(!this.#byToken);
    this.#choose(false);
    if (this.#linkFailed) this.#tell(() => say(this.#error, "access.problem.link"));
  }

  /** @param {boolean} byToken */
  #choose(byToken) {
    this.#byToken = byToken;
    this.#name.hidden = this.#password.hidden = byToken;
    this.#token.hidden = !byToken;
    this.#error.hidden = true;
    say(this.#other, byToken ? "access.login.byname" : "access.login.bytoken");
    (byToken ? this.#token : this.#name).input.focus();
  }

  async #submit() {
    const fields = this.#byToken ? [this.#token] : [this.#name, this.#password];
    this.#error.hidden = true;
    const empty = fields.filter(({ input }) => !input.value);
    for (const field of empty) field.wrong("form.error.required");
    if (empty[0]) return empty[0].input.focus();
    this.#go.disabled = true;
    try {
      const login = this.#byToken ? { token: this.#token.input.value.trim() } : { name: this.#name.input.value.trim(), password: this.#password.input.value };
      await this.#api.logIn(login);
      location.reload(); // everything begins anew, with what this visitor may
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#tell(() => quote(this.#error, accessWords(error)));
      this.#go.disabled = false;
      const last = this.#byToken ? this.#token : this.#password;
      last.input.value = "";
      last.input.focus();
    }
  }

  /** @param {() => void} write */
  #tell(write) {
    write();
    this.#error.hidden = false;
  }
}

// <vigie-users>: the people who may log in.
import { accessWords, roleWord } from "../access/words.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { when } from "../events/words.js";
import { languages, quote, say, t } from "../i18n/i18n.js";
import { VigiePasswordForm } from "./vigie-password-form.js";
import { VigieQuestion } from "./vigie-question.js";
import { VigieUserForm } from "./vigie-user-form.js";

/** @typedef {import("../access/access-api.js").User} User */

export const ROLES = /** @type {const} */ (["viewer", "operator", "admin"]);

export class VigieUsers extends HTMLElement {
  #api;
  #add = h("button", { class: "button is-compact", type: "button", testid: "add-user" }, icon("plus"), h("span", { t: "access.user.add" }));
  #empty = h("p", { class: "hint", t: "access.users.none", hidden: true });
  #list = h("ul", { class: "access-list", testid: "users" });
  #error = h("p", { class: "form-error", role: "alert", testid: "users-error", hidden: true });
  /** @type {User[]} */
  #users = [];

  /** @param {import("../access/access-api.js").AccessApi} api */
  constructor(api) {
    super();
    this.#api = api;
    this.dataset.needs = "access";
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "access-card");
    this.append(h("div", { class: "access-head" }, h("h2", { class: "card-title", t: "access.users" }), this.#add), h("p", { class: "hint", t: "access.users.hint" }), this.#empty, this.#list, this.#error);
    this.#add.onclick = () => this.#open(new VigieUserForm(this.#api));
    languages.on("change", () => this.#write());
  }

  async refresh() {
    await this.#try(async () => (this.#users = await this.#api.users()));
    this.#write();
  }

  #write() {
    this.#empty.hidden = this.#users.length > 0;
    this.#list.replaceChildren(...this.#users.map((user) => this.#item(user)));
  }

  /** @param {User} user */
  #item(user) {
    const role = h("select", { class: "select access-role", testid: "user-role" }, ...ROLES.map((name) => h("option", { value: name }, roleWord(name))));
    role.value = user.role;
    role.setAttribute("aria-label", t("access.user.role", { name: user.name }));
    role.onchange = () => void this.#change(user, role.value);
    const password = h("button", { class: "button is-compact", type: "button", testid: "user-password" }, icon("key"), h("span", { t: "access.user.password" }));
    const remove = h("button", { class: "button is-compact", type: "button", testid: "user-remove" }, icon("trash"), h("span", { t: "access.user.remove" }));
    password.onclick = () => this.#open(new VigiePasswordForm(this.#api, user));
    remove.onclick = () => this.#remove(user);
    const last = say(h("span", { class: "hint" }), user.last_login_at ? "access.user.last" : "access.user.never", user.last_login_at ? { when: when(user.last_login_at) } : {});
    return h("li", { class: "access-item", testid: "user" }, h("div", { class: "access-words" }, h("strong", {}, user.name), last), role, h("div", { class: "access-acts" }, password, remove));
  }

  /** @param {VigieUserForm | VigiePasswordForm} form */
  #open(form) {
    form.addEventListener("saved", () => void this.refresh());
    form.begin();
  }

  /** @param {User} user @param {string} role */
  async #change(user, role) {
    await this.#try(() => this.#api.changeUser(user.id, { role }), true);
  }

  /** @param {User} user */
  #remove(user) {
    new VigieQuestion({
      title: "access.user.remove.title", text: "access.user.remove.text", yes: "access.user.remove", symbol: "trash", danger: true, values: { name: user.name },
      act: () => this.#try(() => this.#api.removeUser(user.id), true),
    }).begin();
  }

  /** @param {() => Promise<unknown>} act @param {boolean} [again] read the list anew, also where it failed */
  async #try(act, again = false) {
    this.#error.hidden = true;
    try {
      await act();
      if (again) this.#users = await this.#api.users();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      quote(this.#error, accessWords(error));
      this.#error.hidden = false;
    }
    if (again) this.#write();
  }
}

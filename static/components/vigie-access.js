// <vigie-access>: who this visitor is, and for admins who else has access and what was done.
import { roleWord } from "../access/words.js";
import { h, icon } from "../dom.js";
import { languages, say } from "../i18n/i18n.js";
import { VigieAudit } from "./vigie-audit.js";
import { VigieDoctor } from "./vigie-doctor.js";
import { VigiePasswordForm } from "./vigie-password-form.js";
import { VigieTokens } from "./vigie-tokens.js";
import { VigieUsers } from "./vigie-users.js";

export class VigieAccess extends HTMLElement {
  #api;
  #visitor;
  #title = h("h1", { class: "view-title", t: "access.title", tabindex: -1 });
  #who = h("p", { class: "access-who", testid: "access-who" });
  #hint = h("p", { class: "hint" });
  #password = h("button", { class: "button is-compact", type: "button", testid: "own-password" }, icon("key"), h("span", { t: "access.password.change" }));
  #out = h("button", { class: "button is-compact", type: "button", testid: "log-out" }, icon("leave"), h("span", { t: "access.logout" }));
  #said = h("p", { class: "hook-result", role: "status", testid: "access-said", hidden: true });
  #users;
  #tokens;
  #doctor;
  #audit;
  #shown = false;

  /** @param {import("../access/access-api.js").AccessApi} api @param {import("../access/visitor.js").Visitor} visitor */
  constructor(api, visitor) {
    super();
    this.#api = api;
    this.#visitor = visitor;
    this.#users = new VigieUsers(api);
    this.#tokens = new VigieTokens(api);
    this.#doctor = new VigieDoctor(api);
    this.#audit = new VigieAudit(api);
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("access");
    const acts = h("div", { class: "hook-acts" }, this.#password, this.#out);
    const you = h("section", { class: "card access-you" }, h("h2", { class: "card-title", t: "access.you" }), this.#who, this.#hint, acts, this.#said);
    this.append(this.#title, you, this.#users, this.#tokens, this.#doctor, this.#audit);
    this.#password.onclick = () => {
      const form = new VigiePasswordForm(this.#api, null);
      form.addEventListener("saved", () => {
        this.#said.hidden = false;
        say(this.#said, "access.password.changed");
      });
      form.begin();
    };
    this.#out.onclick = async () => {
      this.#out.disabled = true;
      await this.#api.logOut().catch(() => {}); // an ended session is what was asked for
      location.reload();
    };
    languages.on("change", () => this.#write());
  }

  /** @param {boolean} shown */
  set shown(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.hidden = !shown;
    if (!shown) return;
    this.#said.hidden = true;
    scrollTo({ top: 0, behavior: "instant" });
    this.#write();
    if (!this.#visitor.may("access")) return;
    void this.#users.refresh();
    void this.#tokens.refresh();
    void this.#audit.refresh();
  }

  #write() {
    const { who } = this.#visitor;
    if (!who?.signed_in) return;
    const local = who.kind === "local";
    say(this.#who, `access.who.${who.kind}`, { name: who.name, role: who.role ? roleWord(who.role) : "" });
    say(this.#hint, `access.hint.${who.kind}`);
    this.#password.hidden = who.kind !== "user";
    this.#out.hidden = local;
  }
}

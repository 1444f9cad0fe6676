// <vigie-doctor>: what of the server works and what does not, why, and what to do. It looks when asked to.
import { accessWords } from "../access/words.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { clock, known, language, languages, quote, say, t } from "../i18n/i18n.js";

/** @typedef {import("../access/access-api.js").Finding} Finding */

export class VigieDoctor extends HTMLElement {
  #api;
  #run = h("button", { class: "button is-compact", type: "button", testid: "doctor-run" }, icon("search"), h("span", { t: "doctor.run" }));
  #sum = h("p", { class: "doctor-sum", role: "status", testid: "doctor-sum", hidden: true });
  #list = h("ul", { class: "access-list", testid: "doctor" });
  #error = h("p", { class: "form-error", role: "alert", testid: "doctor-error", hidden: true });
  /** @type {{ at: string, findings: Finding[] } | null} */
  #found = null;
  /** @type {Problem | null} */
  #problem = null;
  #looking = false;

  /** @param {import("../access/access-api.js").AccessApi} api */
  constructor(api) {
    super();
    this.#api = api;
    this.dataset.needs = "access";
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "access-card");
    const head = h("div", { class: "access-head" }, h("h2", { class: "card-title", t: "doctor.title" }), this.#run);
    this.append(head, h("p", { class: "hint", t: "doctor.hint" }), this.#sum, this.#error, this.#list);
    this.#run.onclick = () => void this.#look();
    languages.on("change", () => this.#write());
  }

  async #look() {
    if (this.#looking) return; // kept in reach of the keyboard meanwhile, where disabling would lose the focus
    this.#looking = true;
    this.#problem = null;
    this.#write();
    try {
      this.#found = await this.#api.doctor();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#problem = error;
      this.#found = null;
    } finally {
      this.#looking = false;
      this.#write();
    }
  }

  #write() {
    const found = this.#found;
    this.#run.setAttribute("aria-disabled", String(this.#looking));
    this.setAttribute("aria-busy", String(this.#looking));
    this.#list.classList.toggle("is-old", this.#looking);
    this.#error.hidden = !this.#problem;
    if (this.#problem) quote(this.#error, this.#problem.slug === "too-busy" ? t("doctor.busy") : accessWords(this.#problem));
    this.#sum.hidden = !this.#looking && !found;
    if (this.#looking) say(this.#sum, "doctor.looking");
    else if (found) this.#tell(found);
    const order = [...(found?.findings ?? [])].sort((one, other) => Number(one.works) - Number(other.works));
    this.#list.replaceChildren(...order.map(itemOf));
  }

  /** @param {{ at: string, findings: Finding[] }} found */
  #tell({ at, findings }) {
    const broken = findings.filter(({ works }) => !works).length;
    say(this.#sum, broken ? "doctor.broken" : "doctor.well", { count: broken || findings.length, all: findings.length, when: clock(new Date(at)) });
  }
}

/** @param {Finding} finding */
function itemOf({ part, of, works, detail }) {
  const named = `doctor.part.${part}`;
  const name = h("span", { class: "doctor-name" }, known(named) ? t(named) : part, of ? h("span", { class: "doctor-of" }, of) : null);
  // The server's own sentence is English and says what to do; to others it is said again in theirs.
  const words = h("span", { class: "access-words" }, name, h("span", { class: "hint", lang: language() === "en" ? null : "en" }, detail));
  const todo = `doctor.todo.${part}`;
  if (!works && language() !== "en" && known(todo)) words.append(h("span", { class: "doctor-todo", t: todo }));
  const mark = h("span", { class: "doctor-mark" }, icon(works ? "check" : "warning"), h("span", { t: works ? "doctor.works" : "doctor.fails" }));
  return h("li", { class: "access-item doctor-item", "data-works": String(works), testid: "finding" }, mark, words);
}

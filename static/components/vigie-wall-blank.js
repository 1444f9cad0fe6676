// <vigie-wall-blank>: what stands in the wall's place while it has nothing to show.
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";

/** @typedef {"loading" | "unreachable" | "empty" | "nomatch"} Reason */

/** @type {Record<Reason, [title: import("../i18n/i18n.js").Key, text: import("../i18n/i18n.js").Key | null]>} */
const WORDS = {
  loading: ["wall.loading", null],
  unreachable: ["state.error.unreachable.title", "state.error.unreachable.text"],
  empty: ["wall.empty", "wall.empty.text"],
  nomatch: ["wall.nomatch", "wall.nomatch.text"],
};

export class VigieWallBlank extends HTMLElement {
  #title = h("h2", { class: "view-title" });
  #text = h("p", { class: "panel-text" });
  #add = h("button", { class: "button is-primary", type: "button", testid: "add-first", "data-needs": "cameras" }, icon("plus"), h("span", { t: "wall.add" }));
  #clear = h("button", { class: "button", type: "button", t: "wall.nomatch.clear" });

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("wall-blank");
    this.dataset.testid = "wall-blank";
    this.append(h("div", { class: "blank-icon" }, icon("camera")), this.#title, this.#text, this.#add, this.#clear);
    this.#add.onclick = () => this.dispatchEvent(new CustomEvent("add"));
    this.#clear.onclick = () => this.dispatchEvent(new CustomEvent("clear"));
  }

  /** @param {Reason | ""} reason "" when the wall has something to show */
  set reason(reason) {
    this.hidden = !reason;
    if (!reason) return;
    const [title, text] = WORDS[reason];
    say(this.#title, title);
    this.#text.hidden = !text;
    if (text) say(this.#text, text);
    this.#add.hidden = reason !== "empty";
    this.#clear.hidden = reason !== "nomatch";
  }
}

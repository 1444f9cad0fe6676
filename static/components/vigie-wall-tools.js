// <vigie-wall-tools>: layout, filter, pages, a new camera, full screen.
import { h, icon } from "../dom.js";
import { languages, say, t } from "../i18n/i18n.js";
import { EVERYTHING } from "../fleet/choice.js";

/** @typedef {import("../fleet/choice.js").Filter} Filter */
/** @typedef {import("../fleet/choice.js").Show} Show */
/** @typedef {"fit" | "1" | "4" | "9" | "16"} Layout */

/** @type {Layout[]} */
export const LAYOUTS = ["fit", "1", "4", "9", "16"];
/** @type {Show[]} */
const SHOWS = ["all", "live", "alarm", "away"];

export class VigieWallTools extends HTMLElement {
  #search = h("input", { class: "input wall-search", type: "search", testid: "wall-search", label: "wall.search", autocomplete: "off", spellcheck: "false" });
  #label = h("select", { class: "select", testid: "wall-label", label: "wall.label" });
  #show = h("select", { class: "select", testid: "wall-show", label: "wall.show" });
  #filter = h("div", { class: "wall-filter", id: "wall-filter" }, this.#search, this.#label, this.#show);
  #toggle = h("button", { class: "button is-compact wall-filter-toggle", type: "button", "aria-controls": "wall-filter", "aria-expanded": "false", testid: "wall-filter" }, icon("search"), h("span", { t: "wall.filter" }));
  #page = h("span", { class: "pager-text" });
  #previous = h("button", { class: "icon-button", type: "button", label: "wall.page.previous", hint: "wall.page.previous", testid: "page-previous" }, icon("previous"));
  #next = h("button", { class: "icon-button", type: "button", label: "wall.page.next", hint: "wall.page.next", testid: "page-next" }, icon("next"));
  #pager = h("div", { class: "pager", hidden: true }, this.#previous, this.#page, this.#next);
  #add = h("button", { class: "button is-compact", type: "button", testid: "add-camera", "data-needs": "cameras", label: "wall.add" }, icon("plus"), h("span", { class: "wide-only", t: "wall.add" }));
  #full = h("button", { class: "icon-button wall-full", type: "button", testid: "fullscreen" }, icon("expand"));
  /** @type {Map<Layout, HTMLInputElement>} */
  #layouts = new Map();
  /** @type {string[]} */
  #labels = [];
  #wanted = "";

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("wall-tools");
    const options = LAYOUTS.flatMap((layout) => this.#option(layout));
    const layouts = h("fieldset", {}, h("legend", { class: "visually-hidden", t: "wall.layout" }), h("div", { class: "segments wall-layouts" }, ...options));
    this.append(layouts, this.#toggle, this.#filter, this.#pager, h("div", { class: "wall-acts" }, this.#add, this.#full));
    this.#toggle.onclick = () => this.#toggle.setAttribute("aria-expanded", String(this.classList.toggle("is-filtering")));
    this.#search.oninput = () => this.#tell("filter");
    this.#label.onchange = () => {
      this.#wanted = this.#label.value;
      this.#tell("filter");
    };
    this.#show.onchange = () => this.#tell("filter");
    this.#previous.onclick = () => this.#tell("turn", -1);
    this.#next.onclick = () => this.#tell("turn", 1);
    this.#add.onclick = () => this.#tell("add");
    this.#full.onclick = () => this.#tell("fullscreen");
    this.#full.hidden = !document.fullscreenEnabled;
    this.fullscreen = false;
    languages.on("change", () => this.#list());
    this.#list();
  }

  /** @returns {Filter} */
  get filter() {
    return { text: this.#search.value, label: this.#wanted, show: /** @type {Show} */ (this.#show.value || "all") };
  }

  clear() {
    this.#search.value = EVERYTHING.text;
    this.#wanted = EVERYTHING.label;
    this.#show.value = EVERYTHING.show;
    this.#label.value = "";
    this.#tell("filter");
  }

  focusSearch() {
    this.classList.add("is-filtering");
    this.#search.focus();
  }

  /** @param {Layout} layout */
  set layout(layout) {
    const input = this.#layouts.get(layout);
    if (input) input.checked = true;
  }

  /** @param {string[]} labels */
  set labels(labels) {
    if (labels.join("\n") === this.#labels.join("\n")) return;
    this.#labels = labels;
    this.#list();
  }

  /** @param {boolean} on */
  set fullscreen(on) {
    this.#full.replaceChildren(icon(on ? "shrink" : "expand"));
    for (const attribute of ["aria-label", "title"]) say(this.#full, on ? "wall.fullscreen.leave" : "wall.fullscreen", {}, attribute);
  }

  /** @param {number} page @param {number} pages */
  turned(page, pages) {
    this.#pager.hidden = pages < 2;
    say(this.#page, "wall.page", { page: page + 1, pages });
    this.#previous.disabled = page === 0;
    this.#next.disabled = page >= pages - 1;
  }

  #list() {
    const show = this.#show.value || "all";
    this.#show.replaceChildren(...SHOWS.map((name) => new Option(t(`wall.show.${name}`), name)));
    this.#show.value = show;
    this.#label.replaceChildren(new Option(t("wall.label.all"), ""), ...this.#labels.map((label) => new Option(label, label)));
    if (this.#wanted && !this.#labels.includes(this.#wanted)) this.#label.append(new Option(this.#wanted, this.#wanted));
    this.#label.value = this.#wanted;
    this.#label.hidden = !this.#labels.length && !this.#wanted;
    this.#search.placeholder = t("wall.search");
  }

  /** @param {Layout} layout */
  #option(layout) {
    const id = `layout-${layout}`;
    const input = h("input", { type: "radio", name: "layout", id, value: layout, class: "segment-input", testid: id });
    this.#layouts.set(layout, input);
    input.onchange = () => this.#tell("layout", layout);
    const label = h("label", { class: "segment", for: id }, layout === "fit" ? null : layout);
    if (layout === "fit") say(label, "wall.layout.fit");
    /** @type {import("../i18n/i18n.js").Key} */
    const hint = layout === "fit" ? "wall.layout.fit.hint" : "wall.layout.count";
    say(label, hint, { count: Number(layout) }, "title");
    say(input, hint, { count: Number(layout) }, "aria-label");
    return [input, label];
  }

  /** @param {"layout" | "filter" | "turn" | "add" | "fullscreen"} name @param {unknown} [detail] */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

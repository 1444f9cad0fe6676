// <vigie-event-filter>: which events the timeline shows.
import { h, icon } from "../dom.js";
import { languages, say } from "../i18n/i18n.js";
import { narrowness, RANGES, STANDINGS, USUAL, VERDICTS } from "../events/filter.js";

/** @typedef {import("../events/filter.js").EventFilter} EventFilter */

const TYPING_MS = 300;

export class VigieEventFilter extends HTMLElement {
  #camera = select("camera", []);
  #state = select("state", STANDINGS.map((one) => h("option", { value: one, t: `filter.state.${one || "usual"}` })));
  #verdict = select("verdict", VERDICTS.map((one) => h("option", { value: one, t: `filter.verdict.${one || "usual"}` })));
  #range = select("range", RANGES.map((one) => h("option", { value: one, t: `filter.range.${one || "usual"}` })));
  #text = h("input", { class: "input", type: "search", testid: "filter-text", label: "filter.text", autocomplete: "off", spellcheck: "false", maxlength: 200 });
  #since = h("input", { class: "input", type: "datetime-local", id: "filter-since", testid: "filter-since" });
  #until = h("input", { class: "input", type: "datetime-local", id: "filter-until", testid: "filter-until" });
  #own = h(
    "div",
    { class: "filter-own", hidden: true },
    h("label", { class: "label", for: "filter-since", t: "filter.since" }),
    this.#since,
    h("label", { class: "label", for: "filter-until", t: "filter.until" }),
    this.#until,
  );
  #clear = h("button", { class: "button is-compact", type: "button", testid: "filter-clear", hidden: true }, icon("close"), h("span", { t: "filter.clear" }));
  #count = h("span", { class: "filter-count", hidden: true });
  #fields = h("div", { class: "filter-fields", id: "event-filter" }, this.#text, this.#camera, this.#state, this.#verdict, this.#range, this.#own);
  #toggle = h(
    "button",
    { class: "button is-compact filter-toggle", type: "button", "aria-controls": "event-filter", "aria-expanded": "false", testid: "filter-toggle" },
    icon("search"),
    h("span", { t: "filter.title" }),
    this.#count,
  );
  #filter = USUAL;
  /** @type {string[]} */
  #cameras = [];
  #written = "";
  /** @type {number | undefined} */
  #typing;

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("event-filter");
    this.setAttribute("role", "search");
    this.append(this.#toggle, this.#fields, this.#clear);
    this.#text.oninput = () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#tell(), TYPING_MS);
    };
    for (const field of [this.#camera, this.#state, this.#verdict, this.#since, this.#until]) field.onchange = () => this.#tell();
    this.#range.onchange = () => {
      this.#own.hidden = this.#range.value !== "own";
      if (this.#own.hidden || this.#since.value || this.#until.value) this.#tell();
      else this.#since.focus();
    };
    this.#toggle.onclick = () => this.#toggle.setAttribute("aria-expanded", String(this.classList.toggle("is-open")));
    this.#clear.onclick = () => {
      this.filter = USUAL;
      this.dispatchEvent(new CustomEvent("filter", { detail: USUAL }));
    };
    languages.on("change", () => this.#writeCameras(true));
    say(this.#text, "filter.text", {}, "placeholder");
    this.#write();
  }

  /** @param {EventFilter} filter */
  set filter(filter) {
    this.#filter = filter;
    this.#write();
  }

  get filter() {
    return this.#filter;
  }

  /** @param {string[]} names of the cameras there are */
  set cameras(names) {
    this.#cameras = names;
    this.#writeCameras();
  }

  focusText() {
    this.classList.add("is-open");
    this.#text.focus();
    this.#text.select();
  }

  #write() {
    const { camera, state, verdict, range, since, until, text } = this.#filter;
    this.#writeCameras();
    this.#camera.value = camera;
    this.#state.value = state;
    this.#verdict.value = verdict;
    this.#range.value = range;
    this.#since.value = since;
    this.#until.value = until;
    this.#own.hidden = range !== "own";
    if (this.#text.value.trim() !== text.trim()) this.#text.value = text;
    const count = narrowness(this.#filter);
    this.#clear.hidden = !count;
    this.#count.hidden = !count;
    this.#count.textContent = String(count);
  }

  /** A camera asked for stays a choice though it is gone: its events are still there. @param {boolean} [anew] */
  #writeCameras(anew = false) {
    const { camera } = this.#filter;
    const names = [...new Set([...this.#cameras, ...(camera ? [camera] : [])])].sort((a, b) => a.localeCompare(b));
    if (names.join("\n") === this.#written && this.#camera.childElementCount && !anew) return;
    this.#written = names.join("\n");
    this.#camera.replaceChildren(h("option", { value: "", t: "filter.camera.usual" }), ...names.map((name) => h("option", { value: name }, name)));
    this.#camera.value = camera;
  }

  #tell() {
    clearTimeout(this.#typing);
    this.#filter = {
      camera: this.#camera.value,
      state: STANDINGS.find((one) => one === this.#state.value) ?? "",
      verdict: VERDICTS.find((one) => one === this.#verdict.value) ?? "",
      range: RANGES.find((one) => one === this.#range.value) ?? "",
      since: this.#since.value,
      until: this.#until.value,
      text: this.#text.value,
    };
    this.#write();
    this.dispatchEvent(new CustomEvent("filter", { detail: this.#filter }));
  }
}

/** @param {"camera" | "state" | "verdict" | "range"} name @param {HTMLOptionElement[]} options */
function select(name, options) {
  return h("select", { class: "select", testid: `filter-${name}`, label: `filter.${name}` }, ...options);
}

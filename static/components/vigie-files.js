// <vigie-files>: the files of an event's evidence, each with its size and its SHA-256, and whether they are kept for good.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { bytes } from "../events/words.js";
import { problemWords } from "../fleet/problem-words.js";
import { known, languages, say } from "../i18n/i18n.js";
import { copyButton } from "./copy-button.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */
/** @typedef {import("../types.js").EvidenceFile} EvidenceFile */

/** What people open first comes first. */
const ORDER = ["clip.mp4", "annotated.jpg", "clean.jpg", "thumb.jpg", "detections.jsonl", "manifest.json"];
const SHORT = 12;

export class VigieFiles extends HTMLElement {
  #api;
  #state = h("p", { class: "hint", role: "status", testid: "evidence-state" });
  #list = h("ul", { class: "files", testid: "files" });
  #hold = h("button", { class: "button is-compact hold", type: "button", testid: "hold", "data-needs": "judge" }, icon("pin"), h("span"));
  #holdHint = h("p", { class: "hint", t: "files.hold.hint", "data-needs": "judge" });
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  /** @type {FullEvent | null} */
  #event = null;
  #listed = "";

  /** @param {import("../events/events-api.js").EventsApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "files-card");
    this.append(h("h2", { class: "card-title", t: "files.title" }), this.#state, this.#list, this.#hold, this.#holdHint, this.#error);
    this.#hold.onclick = () => void this.#toggle();
    languages.on("change", () => {
      this.#listed = "";
      if (this.#event) this.event = this.#event;
    });
  }

  /** @param {FullEvent} event */
  set event(event) {
    this.#event = event;
    const { evidence } = event;
    const state = evidence?.state ?? "none";
    this.#state.hidden = state === "complete";
    if (state !== "complete") say(this.#state, `files.${state}`);
    const files = [...(evidence?.files ?? [])].sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name));
    const listed = JSON.stringify([event.id, files]);
    if (listed !== this.#listed) {
      this.#listed = listed;
      this.#list.replaceChildren(...files.map((file) => this.#file(event.id, file)));
    }
    this.#list.hidden = !files.length;
    const held = evidence?.held ?? false;
    this.#hold.hidden = this.#holdHint.hidden = state === "none" || state === "removed" || state === "stopped";
    this.#hold.setAttribute("aria-pressed", String(held));
    const word = this.#hold.lastElementChild;
    if (word) say(word, held ? "files.held" : "files.hold");
  }

  /** @param {string} id @param {EvidenceFile} file */
  #file(id, { name, size, sha256 }) {
    const words = `file.${name}`;
    const place = { class: "file-link", href: this.#api.downloadUrl(id, name), download: `${id}-${name}`, testid: `file-${name}` };
    const link = h("a", place, icon("download"), known(words) ? h("span", { t: words }) : h("span", {}, name));
    link.onclick = () => (link.href = this.#api.downloadUrl(id, name)); // what lets a page in may have changed since
    const sum = h("code", { class: "file-sum", title: sha256 }, sha256.slice(0, SHORT));
    const copy = copyButton(() => sha256, `sum-${name}`);
    say(copy, "files.sum.copy", {}, "aria-label");
    say(copy, "files.sum.copy", {}, "title");
    return h("li", { class: "file" }, link, h("span", { class: "file-size" }, bytes(size)), h("span", { class: "file-hash" }, "SHA-256 ", sum, copy));
  }

  async #toggle() {
    const event = this.#event;
    if (!event) return;
    this.#error.hidden = true;
    this.#hold.disabled = true;
    try {
      const held = await this.#api.hold(event.id, !(event.evidence?.held ?? false));
      this.dispatchEvent(new CustomEvent("held", { detail: held }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
    } finally {
      this.#hold.disabled = false;
    }
  }
}

// <vigie-probe>: what came of trying a camera before it is saved.
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";
import { reasonKey, reasonWords } from "../fleet/words.js";

/** @typedef {import("../types.js").ProbeResult} ProbeResult */

export class VigieProbe extends HTMLElement {
  #picture = h("img", { class: "probe-picture", testid: "probe-picture", hidden: true });
  #symbol = h("span", { class: "probe-symbol", "aria-hidden": "true" });
  #title = h("strong", { testid: "probe-title" });
  #text = h("span", { class: "probe-text", testid: "probe-text" });

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("probe");
    this.dataset.testid = "probe";
    this.append(h("div", { class: "probe-words", role: "status" }, this.#symbol, h("div", {}, this.#title, this.#text)), this.#picture);
    say(this.#picture, "probe.picture", {}, "alt");
    this.clear();
  }

  clear() {
    this.hidden = true;
    this.#picture.hidden = true;
    this.dataset.state = "";
  }

  working() {
    this.#become("working");
    this.#symbol.replaceChildren(h("span", { class: "spinner" }));
    say(this.#title, "form.testing");
    this.#text.textContent = "";
  }

  /** @param {ProbeResult} result */
  show(result) {
    if (!result.ok) return this.failed(reasonWords(result.reason), reasonKey(result.reason) === null);
    this.#become("ok");
    this.#symbol.replaceChildren(icon("check"));
    say(this.#title, "probe.ok");
    const { width, height, took_ms } = result;
    const codec = result.codec.toUpperCase().replace("H264", "H.264").replace("HEVC", "H.265");
    say(this.#text, "probe.ok.text", { codec, width: String(width), height: String(height), fps: result.frames_per_second, seconds: took_ms / 1000 });
    this.#picture.src = result.picture;
    this.#picture.hidden = false;
    // Its height is known only then.
    void this.#picture.decode().then(() => this.scrollIntoView({ block: "end" }), () => {});
  }

  /** @param {string} words @param {boolean} [english] whether this page has no better words than the server's */
  failed(words, english = false) {
    this.#become("failed");
    this.#symbol.replaceChildren(icon("warning"));
    say(this.#title, "probe.failed");
    this.#text.textContent = words;
    if (english) this.#text.lang = "en";
    else this.#text.removeAttribute("lang");
  }

  /** @param {string} state */
  #become(state) {
    this.hidden = false;
    this.dataset.state = state;
    this.#picture.hidden = true;
  }
}

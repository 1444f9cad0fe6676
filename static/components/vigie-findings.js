// <vigie-findings>: what the model found in one picture, as words, with the score slider.
import { h, icon } from "../dom.js";
import { labelName, languages, percent, say, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").DetectResult} DetectResult */
/** @typedef {import("../types.js").Detection} Detection */

const DEFAULT_PERCENT = 35;

export class VigieFindings extends HTMLElement {
  #verdict = h("p", { class: "verdict", testid: "verdict" });
  #caution = h("p", { class: "hint" });
  #slider = h("input", { type: "range", id: "confidence", class: "slider", min: 5, max: 95, step: 1, value: DEFAULT_PERCENT, testid: "confidence", "aria-describedby": "confidence-hint" });
  #level = h("output", { class: "slider-value", for: "confidence" });
  #list = h("ol", { class: "findings", testid: "detections", label: "picture.list" });
  #more = h("p", { class: "hint", hidden: true });
  #size = h("dd", { testid: "picture-size" });
  #time = h("dd", { testid: "picture-time" });
  #model = h("dd", { testid: "picture-model" });
  #word = h("span", { t: "picture.download" });
  #download = h("button", { class: "button is-primary", type: "button", testid: "download" }, icon("download"), this.#word);
  /** @type {DetectResult | null} */
  #result = null;

  connectedCallback() {
    if (this.childElementCount) return;
    this.append(
      h("div", { class: "verdict-box", role: "status" }, this.#verdict, this.#caution),
      h(
        "div",
        { class: "field" },
        h("div", { class: "slider-head" }, h("label", { class: "label", for: "confidence", t: "picture.confidence" }), this.#level),
        this.#slider,
        h("p", { class: "hint", id: "confidence-hint", t: "picture.confidence.hint" }),
      ),
      this.#list,
      this.#more,
      h(
        "dl",
        { class: "facts" },
        h("div", {}, h("dt", { t: "picture.size" }), this.#size),
        h("div", {}, h("dt", { t: "picture.time" }), this.#time),
        h("div", {}, h("dt", { t: "picture.model" }), this.#model),
      ),
      this.#download,
    );
    this.#slider.oninput = () => this.#filter();
    this.#download.onclick = () => this.dispatchEvent(new CustomEvent("download"));
    languages.on("change", () => this.#filter());
  }

  /** 0 to 1 */
  get confidence() {
    return Number(this.#slider.value) / 100;
  }

  /** @returns {Detection[]} those at or above the slider, best first */
  get shown() {
    const all = this.#result?.detections ?? [];
    return all.filter(({ confidence }) => confidence >= this.confidence).sort((a, b) => b.confidence - a.confidence);
  }

  /** @param {DetectResult} result */
  set result(result) {
    this.#result = result;
    const { image, timing_ms, model } = result;
    say(this.#size, "picture.size.value", image);
    say(this.#time, "picture.time.value", { total: Math.round(timing_ms.total), inference: Math.round(timing_ms.inference) });
    this.#model.textContent = model;
    this.#filter();
  }

  /** @param {boolean} busy */
  set preparing(busy) {
    this.#download.disabled = busy;
    say(this.#word, busy ? "picture.downloading" : "picture.download");
  }

  #filter() {
    this.#level.textContent = percent(this.confidence);
    if (!this.#result) return;
    const { shown } = this;
    const hidden = this.#result.detections.length - shown.length;
    this.classList.toggle("has-findings", shown.length > 0);
    if (shown.length) say(this.#verdict, "picture.found", { count: shown.length });
    else say(this.#verdict, "picture.none");
    say(this.#caution, shown.length ? "picture.found.hint" : "picture.none.hint");
    this.#more.hidden = hidden === 0;
    say(this.#more, "picture.more", { count: hidden });
    this.#list.replaceChildren(...shown.map((detection, index) => this.#row(detection, index)));
    this.dispatchEvent(new CustomEvent("filter"));
  }

  /** @param {Detection} detection @param {number} index */
  #row({ label, confidence, box }, index) {
    const bar = h("span", { class: "score-bar" });
    bar.style.setProperty("--score", String(confidence));
    const row = h(
      "li",
      { class: "finding", tabindex: 0 },
      h("span", { class: "finding-label" }, labelName(label)),
      h("span", { class: "finding-score" }, percent(confidence)),
      h("span", { class: "score" }, bar),
      h("span", { class: "finding-place" }, t("picture.place", {
        width: Math.round(box.x2 - box.x1),
        height: Math.round(box.y2 - box.y1),
        x: Math.round(box.x1),
        y: Math.round(box.y1),
      })),
    );
    row.dataset.confidence = String(confidence);
    const stress = (/** @type {number} */ which) => () => this.dispatchEvent(new CustomEvent("stress", { detail: which }));
    row.onmouseenter = row.onfocus = stress(index);
    row.onmouseleave = row.onblur = stress(-1);
    return row;
  }
}

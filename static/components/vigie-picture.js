// <vigie-picture>: one picture in, the same picture with boxes out.
import { Problem } from "../api.js";
import { drawBoxes, textScale } from "../boxes/draw.js";
import { h, icon } from "../dom.js";
import { known, quote, say } from "../i18n/i18n.js";
import { VigieDrop } from "./vigie-drop.js";
import { VigieFindings } from "./vigie-findings.js";

/** @typedef {import("../types.js").DetectResult} DetectResult */

/** Asked for once; the slider then filters here, without sending the picture again. */
const LOWEST = 0.05;
/** A larger canvas is no sharper on any screen and may exceed what a phone can hold; a smaller one makes poor labels. */
const LONGEST_PX = { most: 2048, least: 1280 };
const ENLARGED = 4;
const MEGABYTE = 1_000_000;

export class VigiePicture extends HTMLElement {
  /** @type {import("../api.js").Api | null} */
  #api = null;
  #limit = 20 * MEGABYTE;
  #drop = new VigieDrop();
  #findings = new VigieFindings();
  #canvas = h("canvas", { class: "preview-canvas", testid: "picture-preview", role: "img", label: "picture.preview" });
  #working = h("p", { class: "preview-working", role: "status", hidden: true }, h("span", { class: "spinner" }), h("span", { t: "picture.looking" }));
  #preview = h("div", { class: "preview", hidden: true }, this.#canvas, this.#working);
  #errorText = h("p", { class: "panel-text", testid: "picture-error" });
  #error = h("div", { class: "problem", role: "alert", hidden: true }, icon("warning"), h("div", {}, h("strong", { t: "picture.error" }), this.#errorText));
  #first = h("div", { class: "empty" }, h("p", { t: "picture.first" }), h("p", { class: "hint", t: "picture.first.hint" }));
  /** @type {Blob | null} */
  #picture = null;
  /** @type {ImageBitmap | null} */
  #bitmap = null;
  /** @type {DetectResult | null} */
  #result = null;
  #stressed = -1;
  #asking = new AbortController();

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("picture");
    this.dataset.state = "idle";
    this.dataset.testid = "picture-state";
    this.#findings.hidden = true;
    this.append(
      h("div", { class: "picture-head" }, h("h1", { class: "view-title", t: "picture.title" }), h("p", { class: "hint", t: "picture.intro" })),
      h("div", { class: "picture-main" }, this.#drop, this.#error, this.#preview),
      h("div", { class: "picture-side card" }, this.#first, this.#findings),
      h("p", { class: "honest", t: "honest.live" }),
    );
    this.#drop.listen(this);
    this.#drop.addEventListener("picture", (event) => void this.#look(/** @type {CustomEvent<File>} */ (event).detail));
    this.#findings.addEventListener("filter", () => this.#draw());
    this.#findings.addEventListener("stress", (event) => {
      this.#stressed = /** @type {CustomEvent<number>} */ (event).detail;
      this.#draw();
    });
    this.#findings.addEventListener("download", () => void this.#download());
  }

  /** @param {import("../api.js").Api} api */
  set api(api) {
    this.#api = api;
  }

  /** @param {import("../types.js").ServerInfo["limits"]} limits */
  set limits({ upload_bytes }) {
    this.#limit = upload_bytes;
    this.#drop.megabytes = Math.round(upload_bytes / MEGABYTE);
  }

  close() {
    this.#asking.abort();
    this.#bitmap?.close();
    this.#bitmap = null;
  }

  /** @param {Blob} picture */
  async #look(picture) {
    this.close();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#picture = picture;
    this.#result = null;
    this.#become("looking");
    this.#paint(null, { width: 16, height: 9 });
    try {
      if (picture.size > this.#limit) throw new Problem("picture-too-large");
      if (picture.size === 0) throw new Problem("picture-empty");
      const [bitmap, result] = await Promise.all([decode(picture), this.#api?.detect(picture, LOWEST, signal), this.#peek(picture)]);
      if (signal.aborted || !result) return bitmap?.close();
      this.#bitmap = bitmap;
      this.#result = result;
      this.#become("done");
      this.#findings.result = result;
    } catch (error) {
      if (!signal.aborted) this.#refuse(error);
    }
  }

  /** Shows the picture while the server looks at it. @param {Blob} picture */
  async #peek(picture) {
    const bitmap = await decode(picture);
    if (bitmap && this.#picture === picture && !this.#result) this.#paint(bitmap, bitmap);
    bitmap?.close();
  }

  #draw() {
    if (!this.#result) return;
    const scale = this.#paint(this.#bitmap, this.#result.image);
    const context = this.#canvas.getContext("2d");
    const { width, height, clientWidth, clientHeight } = this.#canvas;
    const unit = clientWidth ? Math.max(width / clientWidth, height / clientHeight) * textScale() : 1; // it is shown letterboxed
    const state = /** @type {const} */ ("suspected");
    const boxes = this.#findings.shown.map((detection) => ({ ...detection, state }));
    if (context) drawBoxes(context, boxes, { scale, unit, strong: this.#stressed });
  }

  /** @param {ImageBitmap | null} bitmap @param {{ width: number, height: number }} size @returns {number} picture to canvas */
  #paint(bitmap, { width, height }) {
    const longest = Math.max(width, height);
    const scale = Math.min(LONGEST_PX.most / longest, Math.max(1, Math.min(ENLARGED, LONGEST_PX.least / longest)));
    this.#canvas.width = Math.max(1, Math.round(width * scale));
    this.#canvas.height = Math.max(1, Math.round(height * scale));
    if (bitmap) this.#canvas.getContext("2d")?.drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    return this.#canvas.width / width;
  }

  async #download() {
    const picture = this.#picture;
    if (!picture || !this.#api) return;
    this.#findings.preparing = true;
    try {
      const annotated = await this.#api.annotate(picture, this.#findings.confidence, this.#asking.signal);
      const name = picture instanceof File ? picture.name.replace(/\.\w+$/, "") : "picture";
      save(annotated, `${name}-vigie.jpg`);
      this.#error.hidden = true;
    } catch (error) {
      if (!this.#asking.signal.aborted) this.#tell(error);
    } finally {
      this.#findings.preparing = false;
    }
  }

  /** @param {"looking" | "done" | "error"} state */
  #become(state) {
    this.dataset.state = state;
    this.#error.hidden = state !== "error";
    this.#preview.hidden = state === "error";
    this.#preview.classList.toggle("is-looking", state === "looking");
    this.#working.hidden = state !== "looking";
    this.#findings.hidden = state !== "done";
    this.#first.hidden = state === "done";
  }

  /** @param {unknown} error */
  #refuse(error) {
    this.#become("error");
    this.#tell(error);
  }

  /** @param {unknown} error */
  #tell(error) {
    const problem = error instanceof Problem ? error : new Problem("internal");
    const key = `problem.${problem.slug}`;
    this.#error.hidden = false;
    if (known(key)) say(this.#errorText, key, { megabytes: Math.round(this.#limit / MEGABYTE) });
    else quote(this.#errorText, problem.detail || problem.message);
  }
}

/** @param {Blob} picture @returns {Promise<ImageBitmap | null>} null where this browser cannot read it, though the server might */
function decode(picture) {
  return createImageBitmap(picture, { imageOrientation: "from-image" }).catch(() => null);
}

/** @param {Blob} file @param {string} name */
function save(file, name) {
  const link = h("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it only after the click
}

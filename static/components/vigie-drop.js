// <vigie-drop>: takes one picture by drop, paste or choice, and hands it on as a `picture` event.
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";

export class VigieDrop extends HTMLElement {
  #input = h("input", { type: "file", id: "picture-file", class: "visually-hidden", accept: "image/jpeg,image/png,image/webp,image/*", testid: "picture-file" });
  #title = h("span", { class: "drop-title", t: "picture.drop" });
  #hint = h("span", { class: "hint" });
  #zone = h(
    "label",
    { class: "drop", for: "picture-file", testid: "drop" },
    h("span", { class: "drop-icon" }, icon("picture")),
    h("span", { class: "drop-words" }, this.#title, this.#hint),
    h("span", { class: "button", "aria-hidden": "true", t: "picture.choose" }),
  );
  #depth = 0;

  connectedCallback() {
    if (this.childElementCount) return;
    this.megabytes = 20;
    this.append(this.#input, this.#zone);
    this.#input.onchange = () => {
      this.#take(this.#input.files);
      this.#input.value = ""; // the same file may be chosen again
    };
  }

  /** @param {number} megabytes the server's limit */
  set megabytes(megabytes) {
    say(this.#hint, "picture.drop.hint", { megabytes });
  }

  /**
   * The whole view is the target: a file dropped beside the zone must not replace the page.
   * @param {HTMLElement} view
   */
  listen(view) {
    view.addEventListener("dragenter", (event) => this.#drag(event, 1));
    view.addEventListener("dragleave", (event) => this.#drag(event, -1));
    view.addEventListener("dragover", (event) => event.preventDefault());
    view.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#depth = 0;
      this.#highlight();
      this.#take(event.dataTransfer?.files ?? null);
    });
    document.addEventListener("paste", (event) => {
      if (view.hidden || !event.clipboardData?.files.length) return;
      event.preventDefault();
      this.#take(event.clipboardData.files);
    });
  }

  /** @param {DragEvent} event @param {number} step */
  #drag(event, step) {
    event.preventDefault();
    this.#depth = Math.max(0, this.#depth + step); // every child fires its own pair
    this.#highlight();
  }

  #highlight() {
    this.#zone.classList.toggle("is-over", this.#depth > 0);
    say(this.#title, this.#depth > 0 ? "picture.release" : "picture.drop");
  }

  /** @param {FileList | null} files */
  #take(files) {
    const file = files?.[0];
    if (file) this.dispatchEvent(new CustomEvent("picture", { detail: file }));
  }
}

// <vigie-remove>: asks before a camera goes, by its name.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { problemWords } from "../fleet/problem-words.js";
import { say } from "../i18n/i18n.js";
import { VigieDialog } from "./vigie-dialog.js";

export class VigieRemove extends VigieDialog {
  #api;
  #camera;
  #error = h("p", { class: "form-error", role: "alert", hidden: true });
  #yes = h("button", { class: "button is-danger", type: "submit", testid: "remove-yes" }, icon("trash"));
  #no = h("button", { class: "button", type: "button", t: "remove.no", testid: "remove-no" });

  /** @param {import("../api.js").Api} api @param {import("../types.js").ServerCamera} camera */
  constructor(api, camera) {
    super();
    this.#api = api;
    this.#camera = camera;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    const { name, origin } = this.#camera;
    this.dialog.dataset.testid = "remove-dialog";
    say(this.heading, "remove.title", { camera: name });
    const text = say(h("p"), "remove.text", { camera: name });
    const settings = h("p", { t: "remove.settings", hidden: origin !== "settings" });
    this.body.append(text, settings, this.#error);
    this.#yes.append(say(h("span"), "remove.yes", { camera: name }));
    this.foot.append(h("span", { class: "dialog-space" }), this.#no, this.#yes);
    this.#no.onclick = () => this.close();
  }

  /** Enter must not remove by accident: the focus is on what keeps it. */
  begin() {
    this.open();
    this.#no.focus();
  }

  dismissed() {
    this.close();
  }

  async submit() {
    this.#yes.disabled = true;
    try {
      await this.#api.removeCamera(this.#camera.name);
      this.dispatchEvent(new CustomEvent("removed"));
      this.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#yes.disabled = false;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
    }
  }
}

// <vigie-standing>: on every view, what is not with the model as its owner wants it.
import { h } from "../dom.js";
import { say } from "../i18n/i18n.js";

export class VigieStanding extends HTMLElement {
  #device = h("p", { class: "notice", testid: "standing-device", hidden: true });
  #model = h("p", { class: "notice", testid: "standing-model", hidden: true });

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("standing");
    this.setAttribute("role", "status");
    this.append(this.#device, this.#model);
  }

  /** @param {import("../types.js").ServerInfo} info */
  set server({ model }) {
    this.#device.hidden = !model.fallback;
    if (model.fallback) say(this.#device, "standing.device", { asked: model.asked ?? "", reason: model.fallback });
    this.#model.hidden = !model.trouble;
    if (model.trouble) say(this.#model, "standing.model", { reason: model.trouble });
  }
}

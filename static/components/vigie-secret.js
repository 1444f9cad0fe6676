// <vigie-secret>: the secret of a webhook, shown this once, and what to do with it.
import { placeOf } from "../events/receivers.js";
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";
import { copy } from "./copy-button.js";
import { VigieDialog } from "./vigie-dialog.js";

const COPIED_MS = 2000;
const CODE = `from standardwebhooks import Webhook

event = Webhook(SECRET).verify(body, headers)`;

export class VigieSecret extends VigieDialog {
  #webhook;
  #secret;
  #rotated;
  #done = h("button", { class: "button is-primary", type: "submit", t: "secret.done", testid: "secret-done" });

  /** @param {{ channel: string, url: string }} webhook @param {string} secret @param {boolean} rotated whether another is still live */
  constructor(webhook, secret, rotated) {
    super();
    this.#webhook = webhook;
    this.#secret = secret;
    this.#rotated = rotated;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    this.dialog.dataset.testid = "secret-dialog";
    say(this.heading, "secret.title", { host: placeOf(this.#webhook).host });
    const input = h("input", { class: "input is-code", type: "text", readonly: true, id: "secret-value", testid: "secret-value" });
    input.value = this.#secret;
    input.onfocus = () => input.select();
    const word = h("span", { t: "whip.copy", role: "status" });
    const button = h("button", { class: "button", type: "button", testid: "secret-copy" }, icon("copy"), word);
    button.onclick = async () => {
      say(word, (await copy(this.#secret)) ? "whip.copied" : "whip.select");
      setTimeout(() => say(word, "whip.copy"), COPIED_MS);
    };
    this.body.append(
      h("p", { class: "notice", t: "secret.once" }),
      h("div", { class: "field" }, h("label", { class: "label", for: input.id, t: "secret.label" }), h("div", { class: "copy-line" }, input, button)),
      h("p", { t: "secret.why" }),
      h("pre", { class: "code" }, h("code", {}, CODE)),
      h("p", { class: "hint", t: "secret.how" }),
      h("p", { t: "secret.rotated", hidden: !this.#rotated }),
    );
    // Escape by habit must not lose what is shown only once.
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    this.foot.append(h("span", { class: "dialog-space" }), this.#done);
  }
}

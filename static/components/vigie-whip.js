// <vigie-whip>: where a pushed camera's video is to be sent, and the token that is shown this once.
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";
import { VigieDialog } from "./vigie-dialog.js";

const COPIED_MS = 2000;

export class VigieWhip extends VigieDialog {
  #name;
  #url;
  #token;
  #done = h("button", { class: "button is-primary", type: "submit", t: "whip.done", testid: "whip-done" });

  /** @param {string} name @param {string} url @param {string} token */
  constructor(name, url, token) {
    super();
    this.#name = name;
    this.#url = url;
    this.#token = token;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    this.dialog.dataset.testid = "whip-dialog";
    say(this.heading, "whip.title", { camera: this.#name });
    this.body.append(h("p", { t: "whip.text" }), this.#line("url", this.#url), this.#line("token", this.#token));
    this.foot.append(h("span", { class: "dialog-space" }), this.#done);
  }

  /** @param {"url" | "token"} name @param {string} value */
  #line(name, value) {
    const input = h("input", { class: "input is-code", type: "text", readonly: true, id: `whip-${name}`, testid: `whip-${name}` });
    input.value = value;
    input.onfocus = () => input.select();
    const word = h("span", { t: "whip.copy", role: "status" });
    const copy = h("button", { class: "button", type: "button", testid: `copy-${name}` }, icon("copy"), word);
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(value);
        say(word, "whip.copied");
      } catch {
        input.focus(); // only secure pages may write to the clipboard
        say(word, document.execCommand("copy") ? "whip.copied" : "whip.select");
      }
      setTimeout(() => say(word, "whip.copy"), COPIED_MS);
    };
    return h("div", { class: "field" }, h("label", { class: "label", for: input.id, t: `whip.${name}` }), h("div", { class: "copy-line" }, input, copy));
  }
}

// <vigie-away>: in place of a picture, why there is none, what happens next, and what one can do.
import { h, icon } from "../dom.js";
import { languages, quote, say } from "../i18n/i18n.js";
import { serverNow } from "../fleet/server-clock.js";
import { awayKey, reasonKey, reasonWords } from "../fleet/words.js";

/** @typedef {import("../types.js").CameraState} CameraState */
/** @typedef {{ state: CameraState, reason?: string | null, next_try_at?: string | null, kind?: string }} Away */

/** @type {Record<string, string>} */
const ICONS = { connecting: "camera", stalled: "pause", retrying: "link_off", stopped: "camera_off", ended: "flag" };
/** @type {Record<string, import("../i18n/i18n.js").Key>} */
const ORDERS = { retrying: "camera.try", stopped: "camera.start", ended: "camera.again" };
const WORKING = new Set(["connecting", "retrying"]);

export class VigieAway extends HTMLElement {
  #symbol = h("div", { class: "panel-icon" });
  #title = h("p", { class: "panel-title" });
  #text = h("p", { class: "panel-text" });
  #next = h("p", { class: "panel-next", hidden: true });
  #word = h("span");
  #button = h("button", { class: "button", type: "button", testid: "order", hidden: true }, icon("play"), this.#word);
  /** @type {Away | null} */
  #away = null;
  #shown = "";
  /** @type {number | undefined} */
  #pulse;
  /** @type {() => void} */
  #forget = () => {};
  /** Whether the camera may be started from here. */
  controls = false;

  connectedCallback() {
    if (!this.childElementCount) {
      this.classList.add("panel", "away");
      this.append(this.#symbol, h("div", { class: "away-words" }, this.#title, this.#text, this.#next), this.#button);
      this.#button.onclick = () => this.dispatchEvent(new CustomEvent("order", { detail: "start", bubbles: true }));
    }
    this.#pulse = setInterval(() => this.#count(), 250);
    this.#forget = languages.on("change", () => this.#again());
  }

  disconnectedCallback() {
    clearInterval(this.#pulse);
    this.#forget();
  }

  /** @param {Away} away */
  show(away) {
    this.#away = away;
    this.hidden = false;
    const shown = JSON.stringify([away.state, away.reason, away.kind, this.controls]);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#write(away);
    }
    this.#count();
  }

  #again() {
    this.#shown = "";
    if (this.#away && !this.hidden) this.show(this.#away);
  }

  /** @param {Away} away */
  #write(away) {
    const { state, reason = null } = away;
    this.dataset.state = state;
    this.#symbol.replaceChildren(icon(ICONS[state] ?? "camera"));
    this.#symbol.classList.toggle("is-working", WORKING.has(state));
    const title = awayKey(away, "title");
    if (title) say(this.#title, title);
    // Of a recording that ended, or of what was switched off by hand, the title says it all.
    const text = awayKey(away, "text");
    if (reason && state !== "ended" && state !== "stopped") this.#reason(reason);
    else if (text) say(this.#text, text);
    const order = ORDERS[state];
    this.#button.hidden = !this.controls || !order;
    if (order) say(this.#word, order);
    this.#button.firstElementChild?.replaceWith(icon(state === "retrying" ? "retry" : "play"));
  }

  /** @param {string} reason */
  #reason(reason) {
    quote(this.#text, reasonWords(reason));
    this.#text.title = reason;
    this.#text.lang = reasonKey(reason) ? "" : "en";
    if (!this.#text.lang) this.#text.removeAttribute("lang");
  }

  #count() {
    const { state = "", next_try_at = null } = this.#away ?? {};
    this.#next.hidden = state !== "retrying" || !next_try_at;
    if (this.hidden || this.#next.hidden || !next_try_at) return;
    const seconds = Math.ceil((Date.parse(next_try_at) - serverNow()) / 1000);
    if (seconds > 0) say(this.#next, "camera.next", { count: seconds });
    else say(this.#next, "camera.next.now");
  }
}

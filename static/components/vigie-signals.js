// <vigie-signals>: sound and browser notifications for confirmed events, each asked for by hand, and a try of both.
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";

/** @typedef {import("../events/signals.js").Signals} Signals */

export class VigieSignals extends HTMLElement {
  #signals;
  #sound = toggle("sound", h("span", { t: "signals.sound" }));
  #notice = toggle("notifications", h("span", { t: "signals.notice" }));
  #test = h("button", { class: "button is-compact signal-test", type: "button", testid: "signal-test", hint: "signals.test.hint" }, icon("play"), h("span", { t: "signals.test" }));
  #hint = h("p", { class: "hint signal-hint", role: "status", testid: "signal-hint" });

  /** @param {Signals} signals */
  constructor(signals) {
    super();
    this.#signals = signals;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("signals");
    this.setAttribute("role", "group");
    say(this, "signals.heading", {}, "aria-label");
    this.append(h("div", { class: "signal-buttons" }, this.#test, this.#sound, this.#notice), this.#hint);
    this.#sound.onclick = () => void this.#signals.setSound(this.#signals.sound === "off");
    this.#notice.onclick = () => void this.#pressNotice();
    this.#test.onclick = () => void this.#signals.test();
    this.#signals.on("change", () => this.#write());
    this.#write();
  }

  async #pressNotice() {
    const { notice } = this.#signals;
    if (notice === "off" || notice === "on") await this.#signals.setNotice(notice === "off");
    this.#write(true);
  }

  /** @param {boolean} [asked] whether the visitor wants to know why it cannot be */
  #write(asked = false) {
    const { sound, notice } = this.#signals;
    press(this.#sound, sound === "on" || sound === "waiting", "sound", "sound_off");
    press(this.#notice, notice === "on", "bell", "bell_off");
    this.#sound.hidden = sound === "impossible";
    this.#notice.toggleAttribute("data-barred", notice !== "on" && notice !== "off");
    this.#test.hidden = sound !== "on" && sound !== "waiting" && notice !== "on";
    const why = notice === "refused" || notice === "insecure" || notice === "impossible";
    if (sound === "waiting") say(this.#hint, "signals.waiting");
    else if (why && asked) say(this.#hint, `signals.${notice}`);
    else if (!why || sound !== "off") this.#hint.replaceChildren();
    this.#hint.hidden = !this.#hint.textContent;
  }
}

/** @param {string} testid @param {HTMLElement} word */
function toggle(testid, word) {
  return h("button", { class: "button is-compact signal", type: "button", testid }, h("span", { class: "signal-icon" }), word);
}

/** @param {HTMLElement} button @param {boolean} on @param {string} sign @param {string} without */
function press(button, on, sign, without) {
  if (button.getAttribute("aria-pressed") === String(on)) return;
  button.setAttribute("aria-pressed", String(on));
  button.firstElementChild?.replaceChildren(icon(on ? sign : without));
}

// <vigie-readings>: the numbers of the running video, and by which way it comes.
import { h } from "../dom.js";
import { language, languages, say } from "../i18n/i18n.js";

/** @typedef {"fps" | "delay" | "looks" | "boxes"} Reading */
/** @typedef {import("../i18n/i18n.js").Key} Key */

/** @type {{ name: Reading, note: Key, digits: number }[]} */
const READINGS = [
  { name: "fps", note: "fps.note", digits: 1 },
  { name: "delay", note: "delay.server", digits: 0 },
  { name: "looks", note: "looks.note", digits: 1 },
  { name: "boxes", note: "boxes.note", digits: 0 },
];

export class VigieReadings extends HTMLElement {
  /** @type {Map<Reading, { value: HTMLElement, note: HTMLElement, digits: number, number: number | null }>} */
  #readings = new Map();
  #transport = h("span", { class: "tag", testid: "transport", hidden: true });
  #keying = h("span", { class: "tag", testid: "keying", hidden: true });
  #notice = h("p", { class: "notice", role: "status", testid: "notice", hidden: true });

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("readings");
    this.setAttribute("role", "group");
    say(this, "live.readings", {}, "aria-label");
    const tiles = READINGS.map(({ name, note, digits }) => {
      const value = h("span", { class: "reading-value", testid: name });
      const remark = h("span", { class: "reading-note", t: note });
      this.#readings.set(name, { value, note: remark, digits, number: null });
      const unit = name === "delay" ? h("span", { class: "reading-unit", t: "unit.ms" }) : null;
      return h("div", { class: "reading" }, h("dt", { class: "reading-name", t: name }), h("dd", {}, h("span", { class: "reading-line" }, value, unit), remark));
    });
    this.append(h("dl", { class: "reading-grid" }, ...tiles), h("div", { class: "tags" }, this.#transport, this.#keying), this.#notice);
    languages.on("change", () => READINGS.forEach(({ name }) => this.#write(name)));
    this.clear();
  }

  /** @param {Reading} name @param {number | null} number */
  set(name, number) {
    const reading = this.#readings.get(name);
    if (!reading) return;
    reading.number = number;
    this.#write(name);
  }

  /** @param {boolean} here timed on this page's clock */
  set timedHere(here) {
    const reading = this.#readings.get("delay");
    if (reading) say(reading.note, here ? "delay.client" : "delay.server");
  }

  /** @param {"webrtc" | "websocket"} kind @param {import("../transports/connect.js").FallbackReason | null} fallback */
  transport(kind, fallback) {
    this.#transport.hidden = false;
    this.#transport.dataset.transport = kind;
    say(this.#transport, `transport.${kind}`);
    say(this.#transport, `transport.hint.${kind}`, {}, "title");
    this.#notice.hidden = fallback === null;
    if (fallback) say(this.#notice, `fallback.${fallback}`);
  }

  /** @param {"keyed" | "newest" | "burned_in"} keying */
  set keying(keying) {
    if (this.#keying.dataset.keying === keying && !this.#keying.hidden) return;
    this.#keying.hidden = false;
    this.#keying.dataset.keying = keying;
    say(this.#keying, `keying.${keying}`);
    say(this.#keying, `keying.hint.${keying}`, {}, "title");
  }

  blank() {
    for (const { name } of READINGS) this.set(name, null);
  }

  clear() {
    this.blank();
    this.#transport.hidden = true;
    this.#keying.hidden = true;
    this.#notice.hidden = true;
    delete this.#transport.dataset.transport;
    delete this.#keying.dataset.keying;
  }

  /** @param {Reading} name */
  #write(name) {
    const reading = this.#readings.get(name);
    if (!reading) return;
    const { number, digits } = reading;
    reading.value.dataset.value = number === null ? "" : number.toFixed(digits);
    const shape = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    reading.value.textContent = number === null ? "–" : new Intl.NumberFormat(language(), shape).format(number);
    reading.value.classList.toggle("is-empty", number === null);
  }
}

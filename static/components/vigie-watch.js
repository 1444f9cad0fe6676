// <vigie-watch>: the one line above the wall. It always has its place, so that an alarm moves no picture.
import { h, icon } from "../dom.js";
import { clock, say } from "../i18n/i18n.js";
import { gravity } from "../fleet/words.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {{ cameras: ServerCamera[], shown: number, elsewhere: ServerCamera[], here: ServerCamera[], reached: boolean }} Picture */

const NOTE_MS = 8000;

export class VigieWatch extends HTMLElement {
  #symbol = h("span", { class: "watch-symbol", "aria-hidden": "true" });
  #title = h("strong", { class: "watch-title", role: "status" });
  #facts = h("span", { class: "watch-facts" });
  #elsewhere = h("div", { class: "watch-list", role: "group", hidden: true });
  #note = h("span", { class: "watch-note", role: "status", hidden: true });
  #clock = h("time", { class: "watch-clock", label: "time.now" });
  #listed = "";
  #kind = "";
  /** @type {number | undefined} */
  #pulse;
  /** @type {number | undefined} */
  #noted;

  connectedCallback() {
    if (!this.childElementCount) {
      this.classList.add("watch");
      this.dataset.testid = "watch";
      say(this.#elsewhere, "wall.elsewhere.short", {}, "aria-label");
      this.append(this.#symbol, this.#title, this.#elsewhere, this.#facts, this.#note, this.#clock);
    }
    // A clock that stands still tells that the page does.
    this.#pulse = setInterval(() => (this.#clock.textContent = clock(new Date())), 500);
    this.#clock.textContent = clock(new Date());
  }

  disconnectedCallback() {
    clearInterval(this.#pulse);
  }

  /** @param {string} text said for a moment */
  note(text) {
    this.#note.hidden = false;
    this.#note.textContent = text;
    clearTimeout(this.#noted);
    this.#noted = setTimeout(() => (this.#note.hidden = true), NOTE_MS);
  }

  /** @param {Picture} picture */
  show({ cameras, shown, elsewhere, here, reached }) {
    const gravest = Math.max(0, ...elsewhere.map(gravity));
    const kind = !reached ? "down" : gravest === 2 ? "confirmed" : gravest === 1 ? "suspected" : standing(here);
    this.#become(kind);
    if (!reached) say(this.#title, "wall.unreachable");
    else if (elsewhere.length) say(this.#title, "wall.elsewhere", { count: elsewhere.length });
    else if (here.length) say(this.#title, "wall.on-screen", { count: here.length });
    else say(this.#title, "wall.calm");
    this.#list(reached ? elsewhere : []);
    this.#count(cameras, shown);
  }

  /** @param {string} kind */
  #become(kind) {
    if (this.#kind === kind) return;
    this.#kind = kind;
    this.dataset.kind = kind;
    this.#symbol.replaceChildren(icon(kind === "calm" ? "check" : kind === "down" ? "link_off" : "warning"));
  }

  /** @param {ServerCamera[]} elsewhere */
  #list(elsewhere) {
    const listed = elsewhere.map(({ name, suspicion }) => `${name} ${suspicion}`).join("\n");
    if (listed === this.#listed) return;
    this.#listed = listed;
    this.#elsewhere.hidden = !elsewhere.length;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.camera : undefined;
    this.#elsewhere.replaceChildren(...elsewhere.map((camera) => this.#button(camera)));
    if (focused) [...this.#elsewhere.children].find((button) => button instanceof HTMLElement && button.dataset.camera === focused && (button.focus(), true));
  }

  /** @param {ServerCamera} camera */
  #button({ name, suspicion }) {
    const word = h("span", {});
    const button = h("button", { class: "watch-go", type: "button", testid: "watch-go" }, h("strong", {}, name), word, icon("next"));
    button.dataset.camera = name;
    button.dataset.suspicion = suspicion ?? "";
    if (suspicion) {
      say(word, `suspicion.${suspicion}`);
      say(button, `wall.goto.${suspicion}`, { camera: name }, "aria-label");
    }
    button.onclick = () => this.dispatchEvent(new CustomEvent("goto", { detail: name }));
    return button;
  }

  /** @param {ServerCamera[]} cameras @param {number} shown */
  #count(cameras, shown) {
    const live = cameras.filter(({ state }) => state === "live").length;
    while (this.#facts.childElementCount < 3) this.#facts.append(h("span"));
    const [all, up, down] = this.#facts.children;
    if (!all || !up || !(down instanceof HTMLElement)) return;
    if (shown === cameras.length) say(all, "wall.count", { count: cameras.length });
    else say(all, "wall.shown", { shown, count: cameras.length });
    say(up, "wall.live", { count: live });
    down.hidden = live === cameras.length;
    say(down, "wall.away", { count: cameras.length - live });
  }
}

/** @param {ServerCamera[]} here in alarm, on the screen */
function standing(here) {
  if (!here.length) return "calm";
  return here.some((camera) => gravity(camera) === 2) ? "here-confirmed" : "here";
}

// <vigie-clip-bar>: plays, pauses and winds a clip; marks on the line say when it was first seen, confirmed and ended.
import { h, icon } from "../dom.js";
import { languages, say, t } from "../i18n/i18n.js";

/** @typedef {import("../events/player.js").ClipPlayer} ClipPlayer */
/** @typedef {{ at: number, kind: "seen" | "confirmed" | "ended" }} Mark seconds on the clip */

const RATES = [1, 0.5, 0.25];
const FRAME_S = 1 / 25;

export class VigieClipBar extends HTMLElement {
  #player;
  #play = h("button", { class: "bar-button", type: "button", testid: "clip-play" });
  #line = h("input", { class: "bar-line", type: "range", min: 0, max: 1, step: 0.01, value: 0, testid: "clip-line", label: "clip.line" });
  #marks = h("div", { class: "bar-marks", "aria-hidden": "true" });
  #time = h("span", { class: "bar-time" });
  #rate = h("button", { class: "bar-button bar-rate", type: "button", testid: "clip-rate", hint: "clip.rate.hint" });
  #rates = 0;
  #dragging = false;
  /** @type {Mark[]} */
  #marked = [];
  #shape = "";

  /** @param {ClipPlayer} player */
  constructor(player) {
    super();
    this.#player = player;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("clip-bar");
    this.append(this.#play, h("div", { class: "bar-track" }, this.#line, this.#marks), this.#time, this.#rate);
    this.#play.onclick = () => this.#player.toggle();
    this.#rate.onclick = () => {
      this.#rates = (this.#rates + 1) % RATES.length;
      this.#player.rate = RATES[this.#rates] ?? 1;
      this.#write();
    };
    this.#line.oninput = () => this.#player.seek(Number(this.#line.value));
    this.#line.onpointerdown = () => (this.#dragging = true);
    this.#line.onchange = () => (this.#dragging = false);
    this.#player.on("state", () => this.#write());
    this.#player.on("moment", (moment) => this.#moved(moment));
    languages.on("change", () => this.#write());
    this.#write();
  }

  /** @param {Mark[]} marks */
  set marks(marks) {
    this.#marked = marks;
    this.#shape = "";
    this.#write();
  }

  /** One picture back or on. @param {1 | -1} step */
  step(step) {
    this.#player.pause();
    this.#player.seek(this.#player.time + step * FRAME_S);
  }

  #write() {
    const { playing } = this.#player;
    if (this.#play.dataset.playing !== String(playing)) {
      this.#play.dataset.playing = String(playing);
      this.#play.replaceChildren(icon(playing ? "pause" : "play"));
    }
    say(this.#play, playing ? "clip.pause" : "clip.play", {}, "aria-label");
    say(this.#rate, "clip.rate", { rate: RATES[this.#rates] ?? 1 });
    this.#writeRange();
    this.#moved(this.#player.time);
  }

  #writeRange() {
    const { from, to } = this.#part;
    const shape = `${from} ${to}`;
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#line.min = String(from);
    this.#line.max = String(to);
    const shown = this.#marked.filter(({ at }) => at >= from && at <= to);
    this.#marks.replaceChildren(...shown.map(({ at, kind }) => {
      const mark = h("span", { class: `bar-mark bar-mark-${kind}` });
      mark.style.setProperty("--at", String((at - from) / (to - from || 1)));
      return mark;
    }));
  }

  get #part() {
    return this.#player.part ?? { from: 0, to: this.#player.duration || 1 };
  }

  /** @param {number} moment */
  #moved(moment) {
    const { from, to } = this.#part;
    if (!this.#dragging) this.#line.value = String(moment);
    this.#line.style.setProperty("--done", String(Math.min(1, Math.max(0, (moment - from) / (to - from || 1)))));
    this.#time.textContent = `${seconds(Math.max(0, moment - from))} / ${seconds(to - from)}`;
    this.#line.setAttribute("aria-valuetext", t("clip.at", { at: seconds(Math.max(0, moment - from)), of: seconds(to - from) }));
  }
}

/** @param {number} time */
function seconds(time) {
  const whole = Math.floor(time / 60);
  return `${whole}:${(time - whole * 60).toFixed(1).padStart(4, "0")}`;
}

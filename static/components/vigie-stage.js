// <vigie-stage>: the live picture with its boxes, its alarm, and in words whatever stands in its place.
import { Overlay } from "../boxes/overlay.js";
import { h, icon } from "../dom.js";
import { clock, known, percent, quote, say } from "../i18n/i18n.js";
import { VigieAway } from "./vigie-away.js";

/** @typedef {import("../live/session.js").State} State */
/** @typedef {import("../types.js").VigieEvent} VigieEvent */

/** @type {Record<string, string>} */
const ICONS = {
  idle: "camera", asking: "camera", connecting: "camera", refused: "camera_off", "no-camera": "camera_off",
  busy: "camera_off", insecure: "lock", lost: "link_off", error: "warning",
};
const RETRIABLE = new Set(["refused", "no-camera", "busy", "insecure", "lost", "error"]);

export class VigieStage extends HTMLElement {
  #video = h("video", { testid: "video", class: "stage-media", label: "live.video", playsinline: true, hidden: true });
  #pictures = h("canvas", { testid: "picture-canvas", class: "stage-media", label: "live.video", role: "img", hidden: true });
  #boxes = h("canvas", { testid: "overlay", class: "stage-media stage-boxes", "aria-hidden": "true", hidden: true });
  #overlay = new Overlay(this.#video, this.#boxes);
  #chip = h("p", { class: "stage-chip", hidden: true }, h("span", { t: "state.live.chip" }));
  #alarm = h("div", { class: "alarm", role: "alert", testid: "alarm", hidden: true });
  #alarmTitle = h("strong", { class: "alarm-title" });
  #alarmText = h("span", { class: "alarm-text" });
  #symbol = h("div", { class: "panel-icon" });
  #title = h("h2", { class: "panel-title", testid: "state-title" });
  #text = h("p", { class: "panel-text", testid: "state-text" });
  #retry = h("button", { class: "button", type: "button", testid: "retry", hidden: true }, icon("retry"), h("span"));
  #giveUp = h("button", { class: "button", type: "button", testid: "give-up", hidden: true }, icon("stop"), h("span", { t: "action.stop" }));
  #panel = h(
    "div",
    { class: "panel", testid: "panel" },
    this.#symbol,
    h("div", { role: "status" }, this.#title, this.#text),
    h("div", { class: "panel-actions" }, this.#retry, this.#giveUp),
  );

  #away = new VigieAway();
  #view = h("div", { class: "stage-view" });

  connectedCallback() {
    if (this.childElementCount) return;
    this.dataset.testid = "state";
    this.classList.add("stage");
    this.setAttribute("role", "region");
    say(this, "live.stage", {}, "aria-label");
    this.#video.muted = true;
    this.#alarm.append(icon("warning"), h("div", {}, this.#alarmTitle, this.#alarmText));
    this.#view.append(this.#video, this.#pictures, this.#boxes, this.#chip, this.#panel, this.#away);
    // Above the picture, not over it: an alarm must never cover what it is about.
    this.append(this.#alarm, this.#view);
    this.#retry.onclick = () => this.dispatchEvent(new CustomEvent("retry"));
    this.#giveUp.onclick = () => this.dispatchEvent(new CustomEvent("give-up"));
    this.become({ name: "idle", reason: "", detail: "", attempt: 0 });
  }

  /** Whether a camera may be started from here. @param {boolean} may */
  set controls(may) {
    this.#away.controls = may;
  }

  /** Where something may be drawn over the picture, with the picture's own letterboxing. */
  get view() {
    return this.#view;
  }

  get overlay() {
    return this.#overlay;
  }

  /** @param {State} state */
  become({ name, reason, detail, attempt, source }) {
    this.dataset.state = name;
    this.dataset.reason = reason;
    const live = name === "live";
    this.#panel.hidden = live || name === "away";
    this.#chip.hidden = !live;
    this.#away.hidden = name !== "away";
    if (source && name === "away") this.#away.show(source);
    if (this.#panel.hidden) return;
    this.#symbol.replaceChildren(icon(ICONS[name] ?? "camera"));
    this.#symbol.classList.toggle("is-working", name === "asking" || name === "connecting" || (name === "lost" && reason !== "given-up"));
    this.#words(this.#title, "title", name, reason, attempt);
    if (name === "error" && detail && !known(`state.error.${reason}.text`)) quote(this.#text, detail);
    else this.#words(this.#text, "text", name, reason, attempt);
    this.#retry.hidden = !RETRIABLE.has(name);
    this.#giveUp.hidden = name !== "lost";
    const label = this.#retry.lastElementChild;
    if (label) say(label, "action.retry");
  }

  /**
   * @param {MediaStream} stream
   * @param {boolean} preview one's own camera, shown faded until the first picture comes back
   */
  async play(stream, preview) {
    this.#pictures.hidden = true;
    this.#video.hidden = false;
    this.classList.toggle("is-preview", preview);
    this.#overlay.restart();
    this.#video.srcObject = stream;
    // A newer stream interrupts this one: that is no failure.
    await this.#video.play().catch(() => {});
  }

  /** @param {ImageBitmap} picture closed here */
  draw(picture) {
    if (this.#pictures.hidden) {
      this.#overlay.stop(); // the preview's frames must not be counted with these
      this.#video.srcObject = null;
      this.#video.hidden = true;
      this.#pictures.hidden = false;
      this.classList.remove("is-preview");
    }
    if (this.#pictures.width !== picture.width || this.#pictures.height !== picture.height) {
      this.#pictures.width = picture.width;
      this.#pictures.height = picture.height;
    }
    this.#pictures.getContext("2d")?.drawImage(picture, 0, 0);
    picture.close();
    this.#overlay.rate.tick(performance.now());
  }

  clear() {
    this.#overlay.stop();
    this.#video.srcObject = null;
    this.#video.hidden = true;
    this.#pictures.hidden = true;
    this.classList.remove("is-preview");
    this.alarm(null);
  }

  /**
   * @param {VigieEvent | null} event the confirmed event to be seen by everyone in the room
   * @param {string} [camera] its name for people
   */
  alarm(event, camera = "") {
    this.classList.toggle("is-alarm", event !== null);
    this.#alarm.hidden = event === null;
    if (!event) return void this.#alarmTitle.replaceChildren();
    say(this.#alarmTitle, "alarm.title");
    const time = clock(new Date(event.confirmed_at ?? event.first_seen));
    say(this.#alarmText, "alarm.text", { camera, time, score: percent(event.best_score) });
  }

  /**
   * @param {Element} element
   * @param {"title" | "text"} part
   * @param {string} name
   * @param {string} reason
   * @param {number} attempt
   */
  #words(element, part, name, reason, attempt) {
    const exact = `state.${name}.${reason}.${part}`;
    const general = `state.${name}.${part}`;
    if (known(exact)) say(element, exact, { attempt });
    else if (known(general)) say(element, general, { attempt: Math.max(1, attempt) });
  }
}

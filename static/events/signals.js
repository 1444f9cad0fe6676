// Sound and browser notifications for confirmed events: off until somebody asks for them, then remembered.
import { Emitter } from "../emitter.js";
import { clock, percent, t } from "../i18n/i18n.js";
import { recall, remember } from "../settings.js";
import { Tones } from "./tones.js";
import { isSighting, kindName } from "./words.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */
/** @typedef {"off" | "on" | "waiting" | "impossible"} Sound waiting: until somebody presses something on the page */
/** @typedef {"off" | "on" | "refused" | "insecure" | "impossible"} Notice */

const TURN_MS = 3000;

/** @extends {Emitter<{ change: null }>} */
export class Signals extends Emitter {
  #tones = new Tones();
  #sound = recall("sound") === "on";
  #notice = recall("notice") === "on";
  #broken = false;

  constructor() {
    super();
    if (!this.#sound) return;
    void this.#wake();
    // A page that was only loaded may not sound: any press on it gives it leave.
    for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, () => this.sound === "waiting" && void this.#wake(), { capture: true });
  }

  /** @returns {Sound} */
  get sound() {
    if (!this.#tones.possible) return "impossible";
    if (!this.#sound) return "off";
    return this.#tones.waiting ? "waiting" : "on";
  }

  /** @returns {Notice} */
  get notice() {
    if (!isSecureContext) return "insecure";
    if (typeof Notification === "undefined" || this.#broken) return "impossible";
    if (Notification.permission === "denied") return "refused";
    return this.#notice && Notification.permission === "granted" ? "on" : "off";
  }

  /** @param {boolean} on */
  async setSound(on) {
    this.#sound = on;
    remember("sound", on ? "on" : null);
    if (on) await this.#wake();
    this.emit("change", null);
  }

  /** Permission is asked for here and nowhere else. @param {boolean} on */
  async setNotice(on) {
    if (on && typeof Notification !== "undefined" && Notification.permission === "default") await Notification.requestPermission();
    this.#notice = on;
    remember("notice", on ? "on" : null);
    this.emit("change", null);
  }

  /** One signal of each kind that is on, without an event. */
  async test() {
    if (this.#sound) {
      await this.#wake();
      this.#tones.play();
    }
    if (this.notice === "on") this.#notify(t("signals.test.title"), t("signals.test.text"), "test", "#events");
  }

  /** @param {VigieEvent} event just confirmed */
  async raise(event) {
    if (this.notice === "on") {
      const values = { label: kindName(event), camera: event.camera, time: clock(new Date(event.confirmed_at ?? event.first_seen)), score: percent(event.best_score) };
      const title = t(isSighting(event) ? "signals.title" : "signals.title.other", values);
      const text = isSighting(event) ? t("signals.text", values) : [values.time, event.note].filter(Boolean).join(", ");
      this.#notify(title, text, event.id, `#event/${event.id}`);
    }
    if (this.#sound) await this.#inTurn(() => this.#tones.play());
  }

  async #wake() {
    await this.#tones.wake();
    this.emit("change", null);
  }

  /** Of several tabs with sound one is enough. @param {() => void} step */
  async #inTurn(step) {
    if (!navigator.locks) return step();
    await navigator.locks.request("vigie.sound", { ifAvailable: true }, async (lock) => {
      if (!lock) return;
      step();
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    });
  }

  /** @param {string} title @param {string} body @param {string} tag several tabs show one for it @param {string} place */
  #notify(title, body, tag, place) {
    try {
      const note = new Notification(title, { body, tag, icon: "icons/vigie.svg", requireInteraction: true });
      note.onclick = () => {
        focus();
        location.hash = place;
        note.close();
      };
    } catch {
      this.#broken = true; // some phones have the word and not the thing
      this.emit("change", null);
    }
  }
}

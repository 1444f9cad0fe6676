// <vigie-camera>: one camera of the server, with all that is known of it and all that can be done to it.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { problemWords } from "../fleet/problem-words.js";
import { stateKey } from "../fleet/words.js";
import { clock, say } from "../i18n/i18n.js";
import { Show } from "../live/show.js";
import { recall, remember } from "../settings.js";
import { VigieAreaEditor } from "./vigie-area-editor.js";
import { VigieCameraFacts } from "./vigie-camera-facts.js";
import { VigieEvents } from "./vigie-events.js";
import { VigieHistory } from "./vigie-history.js";
import { VigieReadings } from "./vigie-readings.js";
import { VigieStage } from "./vigie-stage.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {import("../types.js").Mode} Mode */

const HISTORY_MS = 10_000;

export class VigieCamera extends HTMLElement {
  #api;
  #fleet;
  #name = "";
  #title = h("h1", { class: "view-title", testid: "camera-title", tabindex: -1 });
  #word = h("span", { class: "chip camera-word", testid: "camera-state" });
  #since = h("span", { class: "hint camera-since" });
  #labels = h("span", { class: "tags" });
  #power = h("button", { class: "button is-compact", type: "button", testid: "power", "data-needs": "cameras" });
  #draw = action("camera.draw", "shape", "draw");
  #edit = action("camera.edit", "edit", "edit");
  #save = action("camera.snapshot", "download", "snapshot");
  #remove = action("camera.remove", "trash", "remove");
  #note = h("p", { class: "notice", role: "alert", hidden: true });
  #stage = new VigieStage();
  #readings = new VigieReadings();
  #events = new VigieEvents();
  #facts = new VigieCameraFacts();
  #history = new VigieHistory();
  #editor;
  #show = new Show(this.#stage, this.#readings, this.#events);
  /** @type {Mode} */
  #mode = recall("mode") === "overlay" ? "overlay" : "burned_in";
  #body = h("div", { class: "live" });
  #gone = h("div", { class: "wall-blank", hidden: true }, h("div", { class: "blank-icon" }, icon("camera_off")), h("h1", { class: "view-title" }), h("p", { class: "panel-text", t: "camera.gone.text" }));
  /** @type {() => void} */
  #rest = () => {};
  /** @type {AbortController | null} */
  #open = null;
  #begun = false;

  /** @param {import("../api.js").Api} api @param {import("../fleet/fleet.js").Fleet} fleet */
  constructor(api, fleet) {
    super();
    this.#api = api;
    this.#fleet = fleet;
    this.#show.api = api;
    this.#editor = new VigieAreaEditor(api);
  }

  get name() {
    return this.#name;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("camera");
    for (const button of [this.#draw, this.#edit, this.#remove]) button.dataset.needs = "cameras";
    const back = h("a", { class: "button is-compact camera-back", href: "#wall", testid: "back" }, icon("previous"), h("span", { t: "camera.back" }));
    const actions = h("div", { class: "camera-acts" }, this.#draw, this.#save, this.#power, this.#edit, this.#remove);
    const head = h("div", { class: "camera-head" }, back, h("div", { class: "camera-names" }, this.#title, this.#word, this.#since, this.#labels), actions);
    const modes = h("div", { class: "segments camera-modes", role: "radiogroup", label: "camera.mode" }, ...this.#option("burned_in"), ...this.#option("overlay"));
    const main = h("div", { class: "live-main" }, this.#stage, modes, this.#readings, this.#history);
    this.#body.append(main, h("div", { class: "live-side" }, this.#editor, this.#events, this.#facts), h("p", { class: "honest", t: "honest.live" }));
    this.append(head, this.#note, this.#body, this.#gone);
    this.#stage.controls = true;
    this.#stage.view.append(this.#editor.layer);
    this.#editor.close();
    this.#listen();
  }

  /** @param {string} name "" when the page shows something else */
  set camera(name) {
    if (name === this.#name) return;
    this.#rest();
    this.#editor.close();
    if (this.#name) this.#end();
    this.#name = name;
    this.hidden = !name;
    if (!name) return;
    this.#open = new AbortController();
    this.#rest = this.#fleet.watch();
    this.#title.textContent = name;
    this.#events.clear();
    this.#history.clear();
    this.#note.hidden = true;
    this.#begun = false;
    this.#update();
    this.#title.focus({ preventScroll: true });
  }

  #listen() {
    this.#fleet.on("change", () => this.#update());
    this.#show.on("stats", (stats) => this.#fleet.note(this.#name, stats));
    this.#show.on("alarm", (event) => event && this.#fleet.raise(this.#name, "confirmed"));
    this.#stage.addEventListener("retry", () => void this.#show.retry());
    this.#stage.addEventListener("give-up", () => (location.hash = "#wall"));
    this.#stage.addEventListener("order", () => void this.#order("start"));
    this.#power.onclick = () => void this.#order(this.#fleet.get(this.#name)?.enabled === false ? "start" : "stop");
    this.#draw.onclick = () => this.#drawAreas();
    this.#edit.onclick = () => this.dispatchEvent(new CustomEvent("edit", { detail: this.#name }));
    this.#remove.onclick = () => this.dispatchEvent(new CustomEvent("remove", { detail: this.#name }));
    this.#save.onclick = () => void this.#download();
    this.#editor.addEventListener("leave", () => this.#draw.focus());
    this.#editor.addEventListener("saved", (event) => this.#fleet.put(/** @type {CustomEvent} */ (event).detail));
    this.addEventListener("keydown", ({ key, target, defaultPrevented }) => {
      const busy = this.#editor.dirty || (target instanceof Element && target.closest("select, input, summary"));
      if (key === "Escape" && !defaultPrevented && !busy) location.hash = "#wall";
    });
  }

  #update() {
    if (!this.#name) return;
    const camera = this.#fleet.get(this.#name);
    this.#body.hidden = !camera && this.#fleet.known;
    this.#gone.hidden = !this.#body.hidden;
    this.toggleAttribute("data-gone", this.#body.hidden);
    const [, title] = this.#gone.children;
    if (title) say(title, "camera.gone", { camera: this.#name });
    if (camera) this.#begin();
    else if (this.#begun && this.#fleet.known) this.#end();
    if (camera) this.#write(camera);
  }

  /** As soon as the server is known to have this camera. */
  #begin() {
    if (this.#begun || !this.#open) return;
    this.#begun = true;
    void this.#show.start({ camera: this.#name }, this.#mode);
    void this.#keepHistory(this.#open.signal);
  }

  #end() {
    this.#begun = false;
    this.#open?.abort();
    this.#show.stop();
  }

  /** @param {ServerCamera} camera */
  #write(camera) {
    say(this.#word, stateKey(camera));
    this.#word.dataset.state = camera.state;
    this.#word.dataset.suspicion = camera.suspicion ?? "";
    if (camera.since) say(this.#since, "camera.since", { time: since(camera.since) });
    const labels = camera.labels ?? [];
    if (labels.join("\n") !== this.#labels.dataset.labels) {
      this.#labels.dataset.labels = labels.join("\n");
      this.#labels.replaceChildren(...labels.map((label) => h("span", { class: "tag" }, label)));
    }
    const off = camera.enabled === false;
    if (this.#power.dataset.off !== String(off)) {
      this.#power.dataset.off = String(off);
      this.#power.replaceChildren(icon(off ? "play" : "stop"), h("span", { t: off ? "camera.start" : "camera.stop" }));
    }
    this.#save.disabled = camera.state !== "live";
    this.#facts.camera = camera;
    this.#editor.layer.ratio = camera.width / camera.height;
  }

  #drawAreas() {
    const camera = this.#fleet.get(this.#name);
    if (!camera) return;
    this.#editor.open(camera);
    this.#stage.scrollIntoView({ block: "nearest" });
  }

  /** @param {"start" | "stop"} order */
  async #order(order) {
    await this.#try(async () => this.#fleet.put(await this.#api.orderCamera(this.#name, order)));
  }

  async #download() {
    await this.#try(async () => {
      const url = URL.createObjectURL(await this.#api.snapshot(this.#name, AbortSignal.timeout(8000)));
      const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
      h("a", { href: url, download: `${this.#name}-${time}.jpg` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    });
  }

  /** @param {() => Promise<void>} step */
  async #try(step) {
    this.#note.hidden = true;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#note.hidden = false;
      this.#note.textContent = problemWords(error);
    }
  }

  /** @param {AbortSignal} signal */
  async #keepHistory(signal) {
    while (!signal.aborted) {
      if (!document.hidden) {
        try {
          const { history, step_s } = await this.#api.cameraStats(this.#name, signal);
          if (signal.aborted) return;
          this.#history.show(history, step_s);
        } catch {
          if (!signal.aborted) this.#history.failed();
        }
      }
      await new Promise((resolve) => setTimeout(resolve, HISTORY_MS));
    }
  }

  /** @param {Mode} mode */
  #option(mode) {
    const id = `camera-mode-${mode}`;
    const input = h("input", { type: "radio", name: "camera-mode", id, value: mode, class: "segment-input", testid: id });
    input.checked = this.#mode === mode;
    input.onchange = () => {
      this.#mode = mode;
      remember("mode", mode);
      void this.#show.start({ camera: this.#name }, mode);
    };
    return [input, h("label", { class: "segment", for: id, t: `mode.${mode}`, hint: `mode.${mode}.hint` })];
  }
}

/** @param {import("../i18n/i18n.js").Key} key @param {string} symbol @param {string} testid */
function action(key, symbol, testid) {
  return h("button", { class: "button is-compact", type: "button", testid, hint: key }, icon(symbol), h("span", { t: key }));
}

/** A time of today, else with its date. @param {string} at */
function since(at) {
  const moment = new Date(at);
  const today = moment.toDateString() === new Date().toDateString();
  return today ? clock(moment) : `${moment.toLocaleDateString(document.documentElement.lang)} ${clock(moment)}`;
}

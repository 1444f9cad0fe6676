// <vigie-source>: which camera, where the boxes are drawn, start and stop.
import { h, icon } from "../dom.js";
import { languages, say, t } from "../i18n/i18n.js";
import { listCameras } from "../live/camera.js";
import { recall, remember } from "../settings.js";

/** @typedef {import("../types.js").Mode} Mode */
/** @typedef {import("../types.js").ServerCamera} ServerCamera */

export class VigieSource extends HTMLElement {
  #source = h("select", { id: "source", testid: "source", class: "select" });
  #hint = h("p", { class: "hint", id: "mode-hint" });
  #start = h("button", { class: "button is-primary", type: "button", testid: "start" }, icon("play"), h("span", { t: "live.start" }));
  #stop = h("button", { class: "button", type: "button", testid: "stop", hidden: true }, icon("stop"), h("span", { t: "live.stop" }));
  /** @type {ServerCamera[]} */
  #cameras = [];
  /** @type {{ id: string, label: string }[]} */
  #devices = [];
  /** @type {Mode} */
  #mode = recall("mode") === "overlay" ? "overlay" : "burned_in";
  #wanted = "device:";
  /** @type {(() => void)[]} */
  #undo = [];

  connectedCallback() {
    this.classList.add("card", "source");
    this.replaceChildren(
      h("h2", { class: "card-title", t: "source.title" }),
      h("div", { class: "field" }, h("label", { class: "label", for: "source", t: "source.label" }), this.#source),
      h(
        "fieldset",
        { class: "field", "aria-describedby": "mode-hint" },
        h("legend", { class: "label", t: "mode.label" }),
        h("div", { class: "segments" }, ...this.#option("burned_in"), ...this.#option("overlay")),
        this.#hint,
      ),
      h("div", { class: "actions" }, this.#start, this.#stop),
    );
    this.#sayMode();
    this.#start.onclick = () => this.#tell("start");
    this.#stop.onclick = () => this.#tell("stop");
    this.#source.onchange = () => {
      this.#wanted = this.#source.value;
      this.#tell("change-source");
    };
    const refresh = () => void this.refreshDevices();
    navigator.mediaDevices?.addEventListener("devicechange", refresh);
    this.#undo = [languages.on("change", () => this.#list()), () => navigator.mediaDevices?.removeEventListener("devicechange", refresh)];
    this.#list();
    refresh();
  }

  disconnectedCallback() {
    for (const undo of this.#undo) undo();
  }

  /** @returns {Mode} */
  get mode() {
    return this.#mode;
  }

  /** @returns {import("../live/session.js").Choice} */
  get choice() {
    const [kind = "", ...rest] = this.#wanted.split(":");
    const name = rest.join(":");
    return kind === "camera" ? { camera: name } : { device: name };
  }

  /** @param {string} name of a camera of the server */
  preselect(name) {
    this.#wanted = `camera:${name}`;
    this.#list();
  }

  /** @param {boolean} running */
  set running(running) {
    // The focus follows the button that takes the other's place.
    const focused = document.activeElement === (running ? this.#start : this.#stop);
    this.#start.hidden = running;
    this.#stop.hidden = !running;
    if (focused) (running ? this.#stop : this.#start).focus();
  }

  /** @param {ServerCamera[]} cameras */
  set cameras(cameras) {
    if (JSON.stringify(cameras.map(({ name, state }) => [name, state])) === JSON.stringify(this.#cameras.map(({ name, state }) => [name, state]))) return;
    this.#cameras = cameras;
    this.#list();
  }

  async refreshDevices() {
    this.#devices = await listCameras();
    this.#list();
  }

  #list() {
    const named = this.#devices.filter(({ id }) => id);
    const own = named.length
      ? named.map(({ id, label }, index) => new Option(label || t("source.own.numbered", { number: index + 1 }), `device:${id}`))
      : [new Option(t("source.own.default"), "device:")];
    const served = this.#cameras.map(({ name, state }) => new Option(state === "live" ? name : t("source.away", { name, state: t(`camera.${state}`).toLocaleLowerCase() }), `camera:${name}`));
    if (this.#wanted.startsWith("camera:") && !served.some(({ value }) => value === this.#wanted)) {
      served.push(new Option(this.#wanted.slice("camera:".length), this.#wanted)); // named by the address, perhaps not there yet
    }
    const groups = [h("optgroup", { label: undefined }, ...own), ...(served.length ? [h("optgroup", {}, ...served)] : [])];
    groups.forEach((group, index) => (group.label = t(index ? "source.server" : "source.own")));
    this.#source.replaceChildren(...groups);
    if (this.#wanted === "device:" && own[0]) this.#source.value = own[0].value;
    else this.#source.value = this.#wanted;
    if (!this.#source.value && own[0]) {
      this.#source.value = own[0].value; // the chosen device was unplugged
      this.#wanted = own[0].value;
    }
  }

  /** @param {Mode} mode */
  #option(mode) {
    const input = h("input", { type: "radio", name: "mode", id: `mode-${mode}`, value: mode, class: "segment-input", testid: `mode-${mode}` });
    input.checked = this.#mode === mode;
    input.onchange = () => {
      this.#mode = mode;
      remember("mode", mode);
      this.#sayMode();
      this.#tell("change-mode");
    };
    return [input, h("label", { class: "segment", for: `mode-${mode}`, t: `mode.${mode}` })];
  }

  #sayMode() {
    say(this.#hint, `mode.${this.#mode}.hint`);
  }

  /** @param {"start" | "stop" | "change-source" | "change-mode"} name */
  #tell(name) {
    this.dispatchEvent(new CustomEvent(name));
  }
}

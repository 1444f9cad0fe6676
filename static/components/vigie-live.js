// <vigie-live>: this device's camera or one of the server's, chosen by hand.
import { h } from "../dom.js";
import { Show } from "../live/show.js";
import { inAddress } from "../settings.js";
import { VigieEvents } from "./vigie-events.js";
import { VigieReadings } from "./vigie-readings.js";
import { VigieSource } from "./vigie-source.js";
import { VigieStage } from "./vigie-stage.js";

export class VigieLive extends HTMLElement {
  #stage = new VigieStage();
  #source = new VigieSource();
  #readings = new VigieReadings();
  #events = new VigieEvents();
  #show = new Show(this.#stage, this.#readings, this.#events);

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("live");
    const side = h("div", { class: "live-side" }, this.#source, this.#events);
    const main = h("div", { class: "live-main" }, this.#stage, this.#readings);
    this.append(main, side, h("p", { class: "honest", t: "honest.live" }));
    this.#source.addEventListener("start", () => void this.#start());
    this.#source.addEventListener("stop", () => this.#show.stop());
    this.#source.addEventListener("change-source", () => this.#restart());
    this.#source.addEventListener("change-mode", () => this.#restart());
    this.#stage.addEventListener("retry", () => void this.#retry());
    this.#stage.addEventListener("give-up", () => this.#show.stop());
    this.#show.on("state", () => (this.#source.running = this.#show.running));
    this.#show.on("preview", () => void this.#source.refreshDevices()); // labels are known once a camera was allowed
    this.#show.on("alarm", (event) => {
      this.dataset.alarm = String(event !== null);
      this.dispatchEvent(new CustomEvent("running"));
    });
  }

  /** @param {import("../api.js").Api} api */
  set api(api) {
    this.#show.api = api;
    const name = inAddress("camera");
    if (name) this.#source.preselect(name);
  }

  /** @param {import("../types.js").ServerCamera[]} cameras */
  set cameras(cameras) {
    this.#source.cameras = cameras;
  }

  /** Whether pictures are on the screen, as the header tells. @returns {"off" | "on" | "alarm"} */
  get showing() {
    if (this.dataset.alarm === "true") return "alarm";
    return this.#show.state.name === "live" ? "on" : "off";
  }

  #start() {
    const { choice, mode } = this.#source;
    return this.#show.start(choice, mode);
  }

  #retry() {
    return this.#show.state.name === "lost" ? this.#show.retry() : this.#start();
  }

  #restart() {
    if (this.#show.running) void this.#start();
    else this.#show.stop();
  }
}

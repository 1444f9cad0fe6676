// <vigie-live>: one running session and the components that show it.
import { h } from "../dom.js";
import { languages } from "../i18n/i18n.js";
import { Median } from "../live/rate.js";
import { LiveSession } from "../live/session.js";
import { inAddress } from "../settings.js";
import { VigieEvents } from "./vigie-events.js";
import { VigieReadings } from "./vigie-readings.js";
import { VigieSource } from "./vigie-source.js";
import { VigieStage } from "./vigie-stage.js";

/** @typedef {import("../live/session.js").State} State */
/** @typedef {import("../transports/transport.js").KnownBoxes} KnownBoxes */

const STOPPED = new Set(["idle", "refused", "no-camera", "busy", "insecure", "ended", "error"]);
const SETTLING_MS = [1000, 4000]; // events still open at the end are closed by the server a little later

export class VigieLive extends HTMLElement {
  /** @type {import("../api.js").Api | null} */
  #api = null;
  #stage = new VigieStage();
  #source = new VigieSource();
  #readings = new VigieReadings();
  #events = new VigieEvents();
  /** @type {LiveSession | null} */
  #session = null;
  #delay = new Median(15);
  #feed = "";
  #output = "preview";

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("live");
    const side = h("div", { class: "live-side" }, this.#source, this.#events);
    const main = h("div", { class: "live-main" }, this.#stage, this.#readings);
    this.append(main, side, h("p", { class: "honest", t: "honest.live" }));
    this.#source.addEventListener("start", () => void this.#start());
    this.#source.addEventListener("stop", () => this.#stop());
    this.#source.addEventListener("change-source", () => this.#restart());
    this.#source.addEventListener("change-mode", () => this.#restart());
    this.#stage.addEventListener("retry", () => void this.#retry());
    this.#stage.addEventListener("give-up", () => this.#stop());
    this.#stage.overlay.onframe = () => this.#presented();
    languages.on("change", () => this.#alarm());
    setInterval(() => this.#measure(), 500);
    addEventListener("pagehide", () => this.#session?.close());
  }

  /** @param {import("../api.js").Api} api */
  set api(api) {
    this.#api = api;
    const name = inAddress("camera");
    if (name) this.#source.preselect(name);
  }

  /** @param {import("../types.js").ServerCamera[]} cameras */
  set cameras(cameras) {
    this.#source.cameras = cameras;
  }

  get running() {
    return this.#session !== null && !STOPPED.has(this.#session.state.name);
  }

  /** Whether pictures are on the screen, as the header tells. @returns {"off" | "on" | "alarm"} */
  get showing() {
    if (this.#session?.state.name !== "live" && this.dataset.alarm !== "true") return "off";
    return this.dataset.alarm === "true" ? "alarm" : "on";
  }

  async #start() {
    if (!this.#api) return;
    this.#session?.close();
    this.#clear();
    const { choice, mode } = this.#source;
    const session = new LiveSession(this.#api, choice, mode, inAddress("transport") === "websocket");
    this.#session = session;
    this.#feed = "camera" in choice ? choice.camera : "";
    this.#listen(session, mode, "camera" in choice);
    if ("camera" in choice) void this.#recall((camera) => camera === choice.camera);
    await session.start();
  }

  async #retry() {
    // After an end or a refusal everything may have changed, so it starts afresh.
    if (this.#session?.state.name === "lost") await this.#session.retry();
    else await this.#start();
  }

  #restart() {
    if (this.running) void this.#start();
    else this.#stop();
  }

  #stop() {
    this.#session?.close();
    this.#session = null;
    this.#clear();
    this.#become({ name: "idle", reason: "", detail: "", attempt: 0 });
    this.#settle();
  }

  /** @param {LiveSession} session @param {import("../types.js").Mode} mode @param {boolean} served */
  #listen(session, mode, served) {
    const { overlay } = this.#stage;
    const burned = mode === "burned_in";
    overlay.keying = burned ? "off" : served ? "received" : "preview";
    session.on("state", (state) => this.#become(state));
    session.on("preview", (stream) => {
      void this.#show(stream, "preview", burned);
      void this.#source.refreshDevices(); // labels are known once a camera was allowed
    });
    session.on("stream", (stream) => void this.#show(stream, "returned", false));
    session.on("picture", (picture) => {
      this.#output = "pictures";
      this.#stage.draw(picture);
      session.shown();
    });
    session.on("transport", ({ kind, fallback }) => {
      this.#delay.clear();
      this.#readings.transport(kind, fallback);
      this.#readings.keying = burned ? "burned_in" : "newest";
    });
    session.on("hello", ({ feed }) => {
      this.#feed = feed;
      if (!served) this.#events.own.add(feed);
    });
    session.on("boxes", (boxes) => this.#boxes(boxes));
    session.on("stats", (stats) => this.#readings.set("looks", stats.looks_per_second));
    session.on("event", (event) => {
      if (this.#events.put(event)) this.#alarm();
    });
  }

  /** @param {MediaStream} stream @param {"preview" | "returned"} output @param {boolean} faded */
  #show(stream, output, faded) {
    this.#output = output;
    return this.#stage.play(stream, faded);
  }

  #presented() {
    if (this.#output === "returned") this.#session?.shown();
    if (this.#stage.overlay.keying !== "off" && this.running) {
      this.#readings.keying = this.#stage.overlay.keyed ? "keyed" : "newest";
    }
  }

  /** @param {KnownBoxes} boxes */
  #boxes(boxes) {
    const now = performance.now();
    this.#stage.overlay.timeline.add(boxes, now);
    this.#readings.timedHere = boxes.sent_at !== null;
    this.#delay.add(boxes.sent_at === null ? boxes.delay_ms : now - boxes.sent_at);
    this.#readings.set("boxes", boxes.detections.length);
  }

  #measure() {
    if (this.#session?.state.name !== "live") return;
    this.#events.tick(this.#feed);
    this.#readings.set("fps", this.#stage.overlay.rate.perSecond(performance.now()));
    this.#readings.set("delay", this.#delay.value);
  }

  /** @param {State} state */
  #become(state) {
    this.#stage.become(state);
    this.#source.running = this.running;
    if (state.name === "lost") this.#readings.blank(); // old numbers would look like live ones
    if (STOPPED.has(state.name) && state.name !== "idle") {
      this.#clear();
      this.#settle();
    }
    if (state.name === "live") void this.#recall(() => false); // what ended while the line was down
    this.#alarm();
  }

  #clear() {
    this.#stage.clear();
    this.#readings.clear();
    this.#delay.clear();
  }

  #alarm() {
    const [event] = this.running ? this.#events.confirmed(this.#feed) : [];
    this.#stage.alarm(event ?? null, event && this.#events.cameraName(event));
    this.dataset.alarm = String(Boolean(event));
    this.dispatchEvent(new CustomEvent("running"));
  }

  #settle() {
    for (const wait of SETTLING_MS) setTimeout(() => void this.#recall(() => false), wait);
  }

  /** @param {(camera: string) => boolean} wanted besides the events already listed */
  async #recall(wanted) {
    const events = await this.#api?.events().catch(() => []);
    for (const event of events ?? []) if (wanted(event.camera) || this.#events.has(event.id)) this.#events.put(event);
    if (events?.length) this.#alarm();
  }
}

// One running session on the screen: joins it to a stage, to readings and to a list of events.
import { Emitter } from "../emitter.js";
import { languages } from "../i18n/i18n.js";
import { inAddress } from "../settings.js";
import { Median } from "./rate.js";
import { LiveSession } from "./session.js";

/** @typedef {import("./session.js").State} State */
/** @typedef {import("./session.js").Choice} Choice */
/** @typedef {import("../types.js").Mode} Mode */
/** @typedef {import("../types.js").VigieEvent} VigieEvent */
/** @typedef {import("../transports/transport.js").KnownBoxes} KnownBoxes */
/**
 * @typedef {object} ShowEvents
 * @property {State} state
 * @property {VigieEvent | null} alarm
 * @property {MediaStream} preview one's own camera was allowed
 * @property {import("../types.js").StatsMessage} stats
 */

const STOPPED = new Set(["idle", "refused", "no-camera", "busy", "insecure", "error"]);
const SETTLING_MS = [1000, 4000]; // events still open at the end are closed by the server a little later
const MEASURE_MS = 500;
/** @type {State} */
const IDLE = { name: "idle", reason: "", detail: "", attempt: 0 };

/** @extends {Emitter<ShowEvents>} */
export class Show extends Emitter {
  /** @type {import("../api.js").Api | null} */
  api = null;
  #stage;
  #readings;
  #events;
  /** @type {LiveSession | null} */
  #session = null;
  #delay = new Median(15);
  #feed = "";
  #output = "preview";
  /** @type {(() => Promise<void>) | null} */
  #again = null;

  /**
   * @param {import("../components/vigie-stage.js").VigieStage} stage
   * @param {import("../components/vigie-readings.js").VigieReadings} readings
   * @param {import("../components/vigie-events.js").VigieEvents} events
   */
  constructor(stage, readings, events) {
    super();
    this.#stage = stage;
    this.#readings = readings;
    this.#events = events;
    stage.overlay.onframe = () => this.#presented();
    languages.on("change", () => this.#alarm());
    setInterval(() => this.#measure(), MEASURE_MS);
    addEventListener("pagehide", () => this.#session?.close());
  }

  get running() {
    return this.#session !== null && !STOPPED.has(this.#session.state.name);
  }

  /** @returns {State} */
  get state() {
    return this.#session?.state ?? IDLE;
  }

  /** @param {Choice} choice @param {Mode} mode */
  async start(choice, mode) {
    if (!this.api) return;
    this.#again = () => this.start(choice, mode);
    this.#session?.close();
    this.#clear();
    const session = new LiveSession(this.api, choice, mode, inAddress("transport") === "websocket");
    this.#session = session;
    this.#feed = "camera" in choice ? choice.camera : "";
    this.#listen(session, mode, "camera" in choice);
    if ("camera" in choice) void this.#recall((camera) => camera === choice.camera);
    await session.start();
  }

  async retry() {
    // After a refusal everything may have changed, so it starts afresh.
    if (this.state.name === "lost") await this.#session?.retry();
    else await this.#again?.();
  }

  stop() {
    this.#session?.close();
    this.#session = null;
    this.#clear();
    this.#become(IDLE);
    this.#settle();
  }

  /** @param {LiveSession} session @param {Mode} mode @param {boolean} served */
  #listen(session, mode, served) {
    const { overlay } = this.#stage;
    const burned = mode === "burned_in";
    overlay.keying = burned ? "off" : served ? "received" : "preview";
    session.on("state", (state) => this.#become(state));
    session.on("preview", (stream) => {
      void this.#show(stream, "preview", burned);
      this.emit("preview", stream);
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
    session.on("stats", (stats) => {
      this.#readings.set("looks", stats.looks_per_second);
      this.emit("stats", stats);
    });
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
    if (this.state.name !== "live") return;
    this.#events.tick(this.#feed);
    this.#readings.set("fps", this.#stage.overlay.rate.perSecond(performance.now()));
    this.#readings.set("delay", this.#delay.value);
  }

  /** @param {State} state */
  #become(state) {
    this.#stage.become(state);
    if (state.name === "lost" || state.name === "away") this.#readings.blank(); // old numbers would look like live ones
    if (STOPPED.has(state.name) && state.name !== "idle") {
      this.#clear();
      this.#settle();
    }
    if (state.name === "live") void this.#recall(() => false); // what ended while the line was down
    this.emit("state", state);
    this.#alarm();
  }

  #clear() {
    this.#stage.clear();
    this.#readings.clear();
    this.#delay.clear();
  }

  #alarm() {
    const [event = null] = this.running ? this.#events.confirmed(this.#feed) : [];
    this.#stage.alarm(event, event ? this.#events.cameraName(event) : "");
    this.emit("alarm", event);
  }

  #settle() {
    for (const wait of SETTLING_MS) setTimeout(() => void this.#recall(() => false), wait);
  }

  /** @param {(camera: string) => boolean} wanted besides the events already listed */
  async #recall(wanted) {
    const events = await this.api?.events().catch(() => []);
    for (const event of events ?? []) if (wanted(event.camera) || this.#events.has(event.id)) this.#events.put(event);
    if (events?.length) this.#alarm();
  }
}

// One visit to one camera: opens it, connects, notices silence, reconnects, and says in which state it is.
import { Problem } from "../api.js";
import { Emitter } from "../emitter.js";
import { connect } from "../transports/connect.js";
import { CameraRefused, openCamera } from "./camera.js";

/** @typedef {import("../transports/transport.js").Transport} Transport */
/** @typedef {import("../transports/connect.js").FallbackReason} FallbackReason */
/** @typedef {"idle" | "asking" | "refused" | "no-camera" | "busy" | "insecure" | "connecting" | "live" | "away" | "lost" | "error"} StateName */
/** @typedef {import("../types.js").StatsMessage} StatsMessage */
/**
 * @typedef {object} State
 * @property {StateName} name
 * @property {string} reason
 * @property {string} detail
 * @property {number} attempt
 * @property {StatsMessage | null} [source] why the watched camera itself is away
 */
/** @typedef {{ device: string } | { camera: string }} Choice */

/**
 * @typedef {object} OwnEvents
 * @property {State} state
 * @property {MediaStream} preview one's own camera, as soon as it is open
 * @property {{ kind: "webrtc" | "websocket", fallback: FallbackReason | null }} transport
 */

const SILENCE_MS = 6000; // statistics come once a second
const WAITING_MS = 3000;
const MEDIA_MS = 7000;
const RETRY_MS = [1000, 2000, 4000, 8000, 8000, 8000];
/** Reasons of the server that trying again at once would only repeat. */
const REFUSALS = new Set(["too-many-sessions", "unknown-camera", "not-ready", "picture-too-large"]);

/** @extends {Emitter<OwnEvents & import("../transports/transport.js").TransportEvents>} */
export class LiveSession extends Emitter {
  #api;
  #choice;
  #mode;
  /** @type {FallbackReason | null} */
  #skipWebRtc;
  /** @type {MediaStream | null} */
  #camera = null;
  /** @type {Transport | null} */
  #transport = null;
  /** @type {State} */
  #state = { name: "idle", reason: "", detail: "", attempt: 0 };
  #closed = false;
  #attempt = 0;
  #heard = 0;
  /** @type {number | undefined} */
  #timer;
  /** @type {number | undefined} */
  #pulse;

  /**
   * @param {import("../api.js").Api} api
   * @param {Choice} choice
   * @param {import("../types.js").Mode} mode
   * @param {boolean} onlyWebSocket
   */
  constructor(api, choice, mode, onlyWebSocket) {
    super();
    this.#api = api;
    this.#choice = choice;
    this.#mode = mode;
    this.#skipWebRtc = onlyWebSocket ? "asked" : null;
  }

  get state() {
    return this.#state;
  }

  async start() {
    if ("device" in this.#choice && !(await this.#openCamera(this.#choice.device))) return;
    await this.#connect();
  }

  /** The visitor's own "try again": at once, with a fresh count. */
  async retry() {
    this.#hangUp();
    this.#attempt = 0;
    await (this.#camera?.active ? this.#connect() : this.start());
  }

  /** The view has put the first picture that came back on the screen. */
  shown() {
    // While the server says that the camera is away, a late frame does not bring it back.
    if (this.#transport && this.#state.name !== "live" && this.#state.name !== "away") this.#live();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#hangUp();
    this.#releaseCamera();
    this.silence();
  }

  /** @param {string} device */
  async #openCamera(device) {
    this.#become("asking");
    try {
      this.#camera = await openCamera(device, this.#mode);
    } catch (error) {
      this.#become(error instanceof CameraRefused ? error.state : "busy");
      return false;
    }
    if (this.#closed) {
      this.#releaseCamera();
      return false;
    }
    const [track] = this.#camera.getVideoTracks();
    track?.addEventListener("ended", () => this.#fail("no-camera", "unplugged"));
    this.emit("preview", this.#camera);
    return true;
  }

  async #connect() {
    this.#become(this.#attempt ? "lost" : "connecting", this.#attempt ? "reconnecting" : "");
    const source = this.#camera ? { stream: this.#camera } : { camera: "camera" in this.#choice ? this.#choice.camera : "" };
    try {
      const transport = await connect(this.#api, source, this.#mode, {
        skipWebRtc: this.#skipWebRtc,
        prepare: (opening, fallback) => this.#listen(opening, fallback),
      });
      if (this.#closed || this.#transport) return transport.close();
      this.#opened(transport);
    } catch (error) {
      if (this.#closed) return;
      const problem = error instanceof Problem ? error : new Problem("internal");
      if (this.#attempt && !REFUSALS.has(problem.slug)) this.#retryLater();
      else this.#fail("error", problem.slug, problem.detail);
    }
  }

  /** @param {Transport} transport */
  #opened(transport) {
    this.#transport = transport;
    this.#heard = performance.now();
    clearInterval(this.#pulse);
    this.#pulse = setInterval(() => {
      if (performance.now() - this.#heard > SILENCE_MS) this.#closedBy("lost");
    }, 1000);
    // In overlay the preview is the picture already; elsewhere the first picture that comes back makes it live.
    if (this.#camera && this.#mode === "overlay") return this.#live();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wait(), WAITING_MS);
  }

  #wait() {
    this.#become("connecting", "waiting");
    if (this.#transport?.kind === "webrtc" && this.#camera) this.#timer = setTimeout(() => this.#giveUpWebRtc(), MEDIA_MS);
  }

  /** Connected, yet no video comes back: some networks let the one through and not the other. */
  #giveUpWebRtc() {
    if (document.hidden) return this.#wait(); // a hidden tab presents no frames
    this.#skipWebRtc = "failed";
    this.#hangUp();
    void this.#connect();
  }

  #live() {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#become("live");
  }

  /** @param {Transport} transport @param {FallbackReason | null} fallback */
  #listen(transport, fallback) {
    if (fallback) this.#skipWebRtc = fallback; // what did not get through a moment ago is not tried again
    if (fallback && fallback !== "asked" && this.#state.name === "connecting") this.#become("connecting", "fallback");
    this.emit("transport", { kind: transport.kind, fallback });
    for (const name of /** @type {const} */ (["hello", "stream", "picture", "boxes", "event", "stats"])) {
      transport.on(name, (/** @type {any} */ detail) => {
        this.#heard = performance.now();
        this.emit(name, detail);
      });
    }
    transport.on("stats", (stats) => this.#sourceBecame(stats));
    transport.on("closed", (reason) => transport === this.#transport && this.#closedBy(reason));
  }

  /** @param {StatsMessage} stats the watched camera's own, as the server sees it */
  #sourceBecame(stats) {
    if ("device" in this.#choice) return;
    if (stats.state !== "live") {
      clearTimeout(this.#timer);
      this.#become("away", stats.state, "", stats);
    } else if (this.#state.name === "away") this.#become("connecting", "waiting"); // its next picture makes it live
  }

  /** @param {string} reason */
  #closedBy(reason) {
    if (REFUSALS.has(reason)) this.#fail("error", reason);
    else this.#retryLater();
  }

  #retryLater() {
    this.#hangUp();
    const wait = RETRY_MS[this.#attempt];
    this.#attempt += 1;
    if (wait === undefined) return this.#become("lost", "given-up");
    this.#become("lost", "reconnecting");
    this.#timer = setTimeout(() => void this.#connect(), wait);
  }

  /** @param {StateName} name @param {string} [reason] @param {string} [detail] */
  #fail(name, reason = "", detail = "") {
    if (this.#closed) return;
    this.#hangUp();
    this.#releaseCamera();
    this.#become(name, reason, detail);
  }

  #hangUp() {
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    this.#transport?.close();
    this.#transport = null;
  }

  #releaseCamera() {
    for (const track of this.#camera?.getTracks() ?? []) track.stop();
    this.#camera = null;
  }

  /** @param {StateName} name @param {string} [reason] @param {string} [detail] @param {StatsMessage | null} [source] */
  #become(name, reason = "", detail = "", source = null) {
    if (this.#closed) return;
    this.#state = { name, reason, detail, attempt: this.#attempt, source };
    this.emit("state", this.#state);
  }
}

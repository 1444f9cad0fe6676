// Keeps one camera's pictures running in one tile: WebRTC, or single pictures where that does not get through.
import { Problem } from "../api.js";
import { Emitter } from "../emitter.js";
import { WebRtcTransport } from "../transports/webrtc.js";
import { PicturePlayer } from "./picture-player.js";

/** @typedef {import("./ways.js").Way} Way */
/** @typedef {"blocked" | "full"} WhyPictures */
/**
 * @typedef {object} Link how the tile stands with the server
 * @property {"idle" | "connecting" | "live" | "lost"} name
 * @property {Way} way
 * @property {WhyPictures | null} why another way than WebRTC
 * @property {number | null} next_try_at performance.now()
 */
/**
 * @typedef {object} PlayerEvents
 * @property {Link} link
 * @property {import("../types.js").StatsMessage} stats
 * @property {import("../types.js").VigieEvent} event
 */

const OPEN_MS = 6000;
const SILENCE_MS = 6000; // statistics come once a second
const FROZEN_MS = 8000;
const STEADY_MS = 10_000; // live for so long, and the next failure counts as the first
const BACK_OFF_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000];
const WEBRTC_AGAIN_MS = 30_000;

/** @extends {Emitter<PlayerEvents>} */
export class TilePlayer extends Emitter {
  video = document.createElement("video");
  #api;
  #camera;
  #size;
  #ways;
  #pictures;
  #wanted = false;
  /** @type {WebRtcTransport | null} */
  #transport = null;
  /** @type {Link} */
  #link = { name: "idle", way: "webrtc", why: null, next_try_at: null };
  #attempt = 0;
  #frames = 0;
  #heard = 0;
  #moved = 0;
  #began = 0;
  #sourceLive = true;
  /** @type {number | undefined} */
  #timer;
  /** @type {number | undefined} */
  #pulse;

  /**
   * @param {import("../api.js").Api} api
   * @param {string} camera
   * @param {"full" | "small"} size
   * @param {import("./ways.js").Ways} ways
   */
  constructor(api, camera, size, ways) {
    super();
    this.#api = api;
    this.#camera = camera;
    this.#size = size;
    this.#ways = ways;
    this.#pictures = new PicturePlayer(api, camera, ways);
    this.#pictures.on("live", (way) => this.#become("live", { way }));
    this.#pictures.on("lost", () => {
      this.#hangUp();
      this.#retry("lost");
    });
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.disablePictureInPicture = true;
    this.video.tabIndex = -1;
  }

  /** Whether the camera itself gives pictures, as the server says. @param {boolean} live */
  set sourceLive(live) {
    this.#sourceLive = this.#pictures.sourceLive = live;
  }

  get image() {
    return this.#pictures.image;
  }

  get link() {
    return this.#link;
  }

  play() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempt = 0;
    this.#begin();
  }

  pause() {
    this.#wanted = false;
    this.#hangUp();
    this.#become("idle");
  }

  close() {
    this.#wanted = false;
    this.#hangUp();
    this.silence();
  }

  #begin() {
    if (this.#ways.open) void this.#connect();
    else this.#fallBack("blocked");
  }

  /** @param {boolean} [quietly] while single pictures go on */
  async #connect(quietly = false) {
    if (!quietly) this.#become("connecting", { way: "webrtc", why: null });
    const endTurn = await this.#ways.turn();
    if (!this.#wanted || this.#transport || !(quietly || this.#ways.open)) {
      endTurn();
      if (this.#wanted && !this.#transport) this.#fallBack("blocked");
      return;
    }
    const transport = new WebRtcTransport(this.#api, { camera: this.#camera, size: this.#size }, "burned_in");
    this.#transport = transport;
    this.#listen(transport);
    try {
      await within(transport.open(), OPEN_MS);
      if (transport !== this.#transport) return;
      this.#ways.worked();
      this.#began = this.#heard = this.#moved = performance.now();
      this.#pulse = setInterval(() => this.#check(), 500);
    } catch (error) {
      if (transport === this.#transport) this.#failed(error);
    } finally {
      endTurn();
    }
  }

  /** @param {WebRtcTransport} transport */
  #listen(transport) {
    transport.on("stream", (stream) => {
      this.video.srcObject = stream;
      this.#frames = 0;
      void this.video.play().catch(() => {}); // a newer stream interrupts this one: that is no failure
    });
    transport.on("stats", (stats) => {
      this.#heard = performance.now();
      this.emit("stats", stats);
    });
    transport.on("event", (event) => this.emit("event", event));
    transport.on("boxes", () => (this.#heard = performance.now()));
    transport.on("closed", () => this.#retry("lost"));
  }

  /** Twice a second: whether pictures come. Counting them here costs less than a callback for each. */
  #check() {
    const now = performance.now();
    const frames = this.video.getVideoPlaybackQuality().totalVideoFrames;
    if (frames !== this.#frames) {
      this.#frames = frames;
      this.#moved = now;
      if (this.#link.name !== "live" || this.#link.way !== "webrtc") {
        this.#pictures.pause();
        this.#become("live", { way: "webrtc", why: null });
      }
    }
    if (!this.#sourceLive || document.hidden) this.#moved = now;
    if (now - this.#began > STEADY_MS) this.#attempt = 0;
    if (now - this.#heard > SILENCE_MS) return this.#retry("lost");
    if (now - this.#moved < FROZEN_MS) return;
    if (this.#link.name === "live" && this.#link.way === "webrtc") this.#retry("lost");
    else this.#fallBack("blocked"); // some networks let the messages through and not the video
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof Problem && error.slug === "too-many-sessions") return this.#fallBack("full");
    if (error instanceof Problem && !this.#pictures.running) return this.#retry("lost");
    this.#ways.failed();
    this.#fallBack("blocked");
  }

  /** @param {WhyPictures} why */
  #fallBack(why) {
    this.#dropTransport();
    if (!this.#pictures.running) {
      this.#become("connecting", { way: "snapshots", why });
      this.#pictures.play(why === "full" ? "snapshots" : "mjpeg");
    }
    if (typeof RTCPeerConnection !== "undefined") this.#timer = setTimeout(() => this.#upgrade(), WEBRTC_AGAIN_MS);
  }

  /** Tries the better way again, one tile at a time; single pictures go on until it shows one. */
  #upgrade() {
    if (!this.#wanted) return;
    if (document.hidden || !this.#ways.open) {
      this.#timer = setTimeout(() => this.#upgrade(), WEBRTC_AGAIN_MS);
      return;
    }
    if (this.#link.why === "blocked") this.#ways.failed(); // the others wait for what comes of this
    void this.#connect(true);
  }

  /** @param {"lost"} name */
  #retry(name) {
    if (!this.#wanted) return;
    if (this.#transport && this.#pictures.running) return this.#fallBack("blocked"); // only the try for more failed
    this.#hangUp();
    const wait = (BACK_OFF_MS[Math.min(this.#attempt, BACK_OFF_MS.length - 1)] ?? 0) * (0.85 + 0.3 * Math.random());
    this.#attempt += 1;
    this.#become(name, { next_try_at: performance.now() + wait });
    this.#timer = setTimeout(() => this.#wanted && this.#begin(), wait);
  }

  #hangUp() {
    this.#pictures.pause();
    this.#dropTransport();
  }

  #dropTransport() {
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    this.#transport?.close();
    this.#transport = null;
    this.video.srcObject = null;
  }

  /** @param {Link["name"]} name @param {Partial<Link>} [more] */
  #become(name, more = {}) {
    this.#link = { ...this.#link, next_try_at: null, ...more, name };
    this.emit("link", this.#link);
  }
}

/** @param {Promise<void>} opening @param {number} patience_ms @returns {Promise<void>} */
async function within(opening, patience_ms) {
  /** @type {number | undefined} */
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("no answer in time")), patience_ms)));
  try {
    await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}

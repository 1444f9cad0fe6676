// One camera's pictures over plain HTTP: MJPEG while a connection is free, else one snapshot a second.
import { Problem } from "../api.js";
import { Emitter } from "../emitter.js";

/** @typedef {{ live: "mjpeg" | "snapshots", lost: string }} PicturePlayerEvents */

export const MJPEG_RATE = 5;
export const SNAPSHOT_RATE = 1;
const LOOK_MS = 300;
const PATIENCE_MS = 8000;
const NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="; // ends what an image still loads

/** @extends {Emitter<PicturePlayerEvents>} */
export class PicturePlayer extends Emitter {
  image = document.createElement("img");
  #api;
  #camera;
  #ways;
  /** @type {AbortController | null} */
  #running = null;
  /** Whether the camera itself gives pictures: where it gives none, none are asked for. */
  sourceLive = true;

  /** @param {import("../api.js").Api} api @param {string} camera @param {import("./ways.js").Ways} ways */
  constructor(api, camera, ways) {
    super();
    this.#api = api;
    this.#camera = camera;
    this.#ways = ways;
    this.image.alt = "";
    this.image.draggable = false;
  }

  get running() {
    return this.#running !== null;
  }

  /** @param {"mjpeg" | "snapshots"} wish */
  play(wish) {
    this.pause();
    this.#running = new AbortController();
    void this.#snapshots(this.#running.signal, wish);
  }

  pause() {
    this.#running?.abort();
    this.#running = null;
  }

  /** @param {AbortSignal} signal @param {() => void} free */
  #endless(signal, free) {
    const { image } = this;
    let live = false;
    image.onerror = () => this.emit("lost", "mjpeg");
    image.src = this.#api.mjpegUrl(this.#camera, MJPEG_RATE);
    // Browsers disagree on when an endless picture has loaded; they agree on its size.
    const pulse = setInterval(() => {
      if (live || image.naturalWidth < 2) return;
      live = true;
      this.emit("live", "mjpeg");
    }, LOOK_MS);
    signal.addEventListener("abort", () => {
      clearInterval(pulse);
      image.onerror = null;
      image.src = NOTHING;
      free();
    });
  }

  /** @param {AbortSignal} signal @param {"mjpeg" | "snapshots"} wish taken as soon as a connection is free */
  async #snapshots(signal, wish) {
    let held = "";
    let live = false;
    const over = () => URL.revokeObjectURL(held);
    signal.addEventListener("abort", () => {
      over();
      this.image.src = NOTHING;
    });
    while (!signal.aborted) {
      const due = new Promise((resolve) => setTimeout(resolve, 1000 / SNAPSHOT_RATE));
      if (!this.sourceLive) {
        await due;
        continue;
      }
      const free = wish === "mjpeg" ? this.#ways.endless() : null;
      if (free) {
        over();
        return this.#endless(signal, free);
      }
      try {
        const picture = await this.#api.snapshot(this.#camera, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
        if (signal.aborted) return;
        const old = held;
        this.image.src = held = URL.createObjectURL(picture);
        await this.image.decode().catch(() => {});
        URL.revokeObjectURL(old);
        if (!live) this.emit("live", "snapshots");
        live = true;
      } catch (error) {
        if (signal.aborted) return;
        // The camera gives none now: its state says so, and the next may come any second.
        if (!(error instanceof Problem && error.slug === "no-picture")) return this.emit("lost", "snapshots");
      }
      await due;
    }
  }
}

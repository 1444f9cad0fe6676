// Plays a part of the clip over and over, and tells the exact moment of every picture shown.
import { Emitter } from "../emitter.js";

/** @typedef {{ from: number, to: number }} Part seconds */
/** @typedef {{ moment: number, state: null, unplayable: null }} ClipEvents */

const NOT_SUPPORTED = 4; // MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED
const DECODE = 3;

/** @extends {Emitter<ClipEvents>} */
export class ClipPlayer extends Emitter {
  #video;
  /** @type {Part | null} */
  #part = null;
  /** @type {number | null} */
  #handle = null;
  #modern = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
  #last = -1;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    super();
    this.#video = video;
    for (const sign of ["play", "pause", "loadedmetadata", "durationchange", "ratechange", "waiting", "playing"]) {
      video.addEventListener(sign, () => this.emit("state", null));
    }
    video.addEventListener("seeked", () => this.#told(video.currentTime));
    video.addEventListener("loadedmetadata", () => !video.videoWidth && this.emit("unplayable", null)); // sound alone, or a codec it skips
    video.addEventListener("error", () => {
      const code = video.error?.code;
      if (video.getAttribute("src") && (code === NOT_SUPPORTED || code === DECODE)) this.emit("unplayable", null);
    });
    video.addEventListener("ended", () => {
      if (this.#part) this.#restart();
    });
  }

  /** @param {string} url */
  open(url) {
    this.#last = -1;
    this.#video.src = url;
    this.#next();
  }

  close() {
    if (this.#handle !== null) {
      if (this.#modern) this.#video.cancelVideoFrameCallback(this.#handle);
      else cancelAnimationFrame(this.#handle);
    }
    this.#handle = null;
    this.#part = null;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  get duration() {
    return Number.isFinite(this.#video.duration) ? this.#video.duration : 0;
  }

  get time() {
    return this.#video.currentTime;
  }

  get playing() {
    return !this.#video.paused;
  }

  /** What is repeated; null plays to the end. @param {Part | null} part */
  set part(part) {
    this.#part = part;
    if (part && (this.time < part.from || this.time >= part.to)) this.seek(part.from);
  }

  get part() {
    return this.#part;
  }

  play() {
    if (!this.#part && this.#video.ended) this.seek(0);
    void this.#video.play().catch(() => this.emit("state", null)); // refused to start by itself: the button is there
  }

  pause() {
    this.#video.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** @param {number} time seconds */
  seek(time) {
    this.#video.currentTime = Math.min(Math.max(0, time), this.duration || time);
  }

  /** @param {number} rate 1 is as it was */
  set rate(rate) {
    this.#video.playbackRate = rate;
  }

  #next() {
    this.#handle = this.#modern
      ? this.#video.requestVideoFrameCallback((_, { mediaTime }) => this.#presented(mediaTime))
      : requestAnimationFrame(() => this.#presented(this.time));
  }

  /** @param {number} moment */
  #presented(moment) {
    this.#next();
    this.#told(moment);
    const part = this.#part;
    if (part && this.playing && moment >= part.to - 0.01) this.#restart();
  }

  #restart() {
    this.seek(this.#part?.from ?? 0);
    if (this.#video.paused || this.#video.ended) this.play();
  }

  /** @param {number} moment */
  #told(moment) {
    if (moment === this.#last) return;
    this.#last = moment;
    this.emit("moment", moment);
  }
}

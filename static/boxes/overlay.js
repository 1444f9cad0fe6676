// Draws, for each frame the video presents, the boxes that belong to it; counts the frames on the way.
import { Rate } from "../live/rate.js";
import { drawBoxes, textScale } from "./draw.js";
import { Timeline } from "./timeline.js";

/** @typedef {"off" | "preview" | "received"} Keying what the video shows: nothing to draw on, one's own camera, or a camera of the server */

export class Overlay {
  rate = new Rate();
  timeline = new Timeline();
  /** @type {Keying} */
  keying = "off";
  /** Whether the last boxes drawn were matched to their frame. */
  keyed = false;
  /** @type {() => void} */
  onframe = () => {};
  #video;
  #canvas;
  /** @type {number | null} */
  #handle = null;
  #fresh = false;
  #modern = "requestVideoFrameCallback" in HTMLVideoElement.prototype;

  /** @param {HTMLVideoElement} video @param {HTMLCanvasElement} canvas */
  constructor(video, canvas) {
    this.#video = video;
    this.#canvas = canvas;
    // A frame of the stream before may still be presented after a switch; it must not count for the new one.
    video.addEventListener("loadeddata", () => (this.#fresh = true));
  }

  /** Before the video gets another stream. */
  restart() {
    this.stop();
    this.#next();
  }

  stop() {
    if (this.#handle !== null) {
      if (this.#modern) this.#video.cancelVideoFrameCallback(this.#handle);
      else cancelAnimationFrame(this.#handle);
    }
    this.#handle = null;
    this.#fresh = false;
    this.keyed = false;
    this.rate.clear();
    this.timeline.clear();
    this.#canvas.hidden = true;
  }

  #next() {
    this.#handle = this.#modern
      ? this.#video.requestVideoFrameCallback((now, frame) => this.#presented(now, frame.rtpTimestamp))
      : requestAnimationFrame((now) => this.#presented(now, undefined));
  }

  /** @param {number} now @param {number | undefined} rtp */
  #presented(now, rtp) {
    this.#next();
    if (!this.#fresh) return;
    this.rate.tick(now);
    if (this.keying !== "off") this.#draw(rtp);
    this.onframe();
  }

  /** @param {number | undefined} rtp */
  #draw(rtp) {
    const matched = this.keying === "received" && rtp !== undefined;
    const fitting = matched ? this.timeline.at(rtp) : this.timeline.newest(performance.now());
    this.keyed = fitting ? fitting.keyed : this.keyed;
    const context = this.#canvas.getContext("2d");
    if (!context || !this.#fit()) return;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (!fitting) return;
    const scale = this.#canvas.width / fitting.image.width;
    drawBoxes(context, fitting.detections, { scale, unit: devicePixelRatio * textScale() });
  }

  /** Gives the canvas the picture's shape at the screen's sharpness, so that both are letterboxed alike. */
  #fit() {
    const { videoWidth, videoHeight, clientWidth, clientHeight } = this.#video;
    if (!videoWidth || !clientWidth) return false;
    const scale = Math.min(clientWidth / videoWidth, clientHeight / videoHeight) * devicePixelRatio;
    const width = Math.round(videoWidth * scale);
    const height = Math.round(videoHeight * scale);
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#canvas.hidden = false;
    return true;
  }
}

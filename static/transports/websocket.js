// The way round a blocked WebRTC: JPEG pictures over one WebSocket.
import { Problem } from "../api.js";
import { Transport } from "./transport.js";

/** @typedef {import("../types.js").Mode} Mode */

const WIDTH = 640; // what the detector looks at; more only costs time on the way
const QUALITY = 0.8;
const UNACKNOWLEDGED = 2;
const STUCK_MS = 2000; // an answer that never comes must not stop the pictures for good
const KEPT = 120;
const HIDDEN_MS = 250; // a hidden tab presents no frames, but the server must hear from it

/** What the server means by a close code: slugs the page has words for. @type {Record<number, string>} */
const REASONS = { 1001: "server-stopped", 1008: "idle", 1009: "picture-too-large", 1013: "too-many-sessions" };

export class WebSocketTransport extends Transport {
  /** @type {"websocket"} */
  kind = "websocket";
  #api;
  #mode;
  #video = document.createElement("video");
  #canvas = document.createElement("canvas");
  /** @type {WebSocket | null} */
  #socket = null;
  #closed = false;
  #sequence = 0;
  #acknowledged = -1;
  #lastSent = 0;
  #announced = 0;
  #drawn = -1;
  /** @type {Map<number, number>} */
  #sent = new Map();

  /**
   * @param {import("../api.js").Api} api
   * @param {{ stream: MediaStream }} source
   * @param {Mode} mode
   */
  constructor(api, source, mode) {
    super();
    this.#api = api;
    this.#mode = mode;
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.srcObject = source.stream;
  }

  async open() {
    await this.#video.play();
    if (this.#closed) return;
    const socket = new WebSocket(this.#api.streamUrl(this.#mode));
    this.#socket = socket;
    socket.binaryType = "blob";
    const code = await new Promise((resolve) => {
      socket.onopen = () => resolve(0);
      socket.onclose = (event) => resolve(event.code);
    });
    if (code) throw new Problem(REASONS[code] ?? (await this.#refusal()));
    socket.onclose = ({ code, reason }) => this.emit("closed", REASONS[code] ?? (reason || "lost"));
    socket.onmessage = ({ data }) => this.#message(data);
    void this.#capture();
  }

  close() {
    super.close();
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.close(1000, "stopped");
    this.#video.pause();
    this.#video.srcObject = null;
  }

  /** @param {import("../types.js").BoxesMessage} boxes */
  sentAt(boxes) {
    return this.#sent.get(boxes.sequence) ?? null;
  }

  /** A browser does not tell a page why a WebSocket was refused: whether the server answers at all says the most. */
  #refusal() {
    return this.#api.server().then(() => "stream-refused", () => "unreachable");
  }

  /** @param {string | Blob} data */
  #message(data) {
    if (typeof data !== "string") return void this.#show(data, this.#announced);
    const message = JSON.parse(data);
    if (message.type !== "picture") return this.receive(data);
    this.#announced = message.sequence;
    this.#acknowledged = Math.max(this.#acknowledged, message.sequence);
  }

  /** @param {Blob} jpeg @param {number} sequence */
  async #show(jpeg, sequence) {
    const picture = await createImageBitmap(jpeg);
    // Decoding may finish out of order: never step back in time.
    if (this.#closed || sequence < this.#drawn) return picture.close();
    this.#drawn = sequence;
    this.emit("picture", picture);
  }

  async #capture() {
    while (!this.#closed && this.#socket?.readyState === WebSocket.OPEN) {
      await nextFrame(this.#video);
      const waiting = this.#sequence - 1 - this.#acknowledged;
      const stuck = performance.now() - this.#lastSent > STUCK_MS;
      if (waiting >= UNACKNOWLEDGED && !stuck) continue;
      const at = performance.now();
      const jpeg = await this.#photograph();
      if (jpeg && this.#socket.readyState === WebSocket.OPEN) this.#send(jpeg, at);
    }
  }

  /** @param {Blob} jpeg @param {number} at */
  #send(jpeg, at) {
    this.#socket?.send(jpeg);
    this.#lastSent = at;
    this.#sent.set(this.#sequence, at);
    this.#sent.delete(this.#sequence - KEPT);
    this.#sequence += 1;
  }

  /** @returns {Promise<Blob | null>} */
  #photograph() {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return Promise.resolve(null);
    const scale = Math.min(1, WIDTH / videoWidth);
    this.#canvas.width = Math.round(videoWidth * scale);
    this.#canvas.height = Math.round(videoHeight * scale);
    this.#canvas.getContext("2d")?.drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }
}

/** @param {HTMLVideoElement} video @returns {Promise<unknown>} */
function nextFrame(video) {
  return new Promise((resolve) => {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
    setTimeout(resolve, HIDDEN_MS);
  });
}

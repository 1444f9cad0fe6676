// What every way to the server has in common: the same methods, the same event names, no look.
import { Emitter } from "../emitter.js";

/** @typedef {import("../types.js").BoxesMessage} BoxesMessage */

/**
 * `sent_at` is when the page sent (for its own camera) the frame the boxes belong to, on the page's clock
 * (`performance.now()`); null when it cannot be known.
 * @typedef {BoxesMessage & { sent_at: number | null }} KnownBoxes
 */

/**
 * @typedef {object} TransportEvents
 * @property {import("../types.js").HelloMessage} hello
 * @property {MediaStream} stream video that comes back
 * @property {ImageBitmap} picture one picture that comes back; the listener closes it
 * @property {KnownBoxes} boxes
 * @property {import("../types.js").VigieEvent} event
 * @property {import("../types.js").StatsMessage} stats
 * @property {string} closed the other side ended it: a slug or the server's own reason
 */

/** @extends {Emitter<TransportEvents>} */
export class Transport extends Emitter {
  /** @type {"webrtc" | "websocket"} */
  kind = "webrtc";

  /** Resolves when messages can flow. Throws Problem when the server refuses. @returns {Promise<void>} */
  async open() {}

  /** Ends it without an event; closing twice is harmless. */
  close() {
    this.silence();
  }

  /** @param {BoxesMessage} _boxes @returns {number | null} */
  sentAt(_boxes) {
    return null;
  }

  /** @param {string} text one JSON message of the server */
  receive(text) {
    const message = JSON.parse(text);
    switch (message.type) {
      case "hello":
        return this.emit("hello", message);
      case "boxes":
        return this.emit("boxes", { ...message, sent_at: this.sentAt(message) });
      case "event":
        return this.emit("event", message.event);
      case "stats":
        return this.emit("stats", message);
      case "closed":
        return this.emit("closed", message.reason ?? "");
      default:
        return undefined; // a newer server may say more than this page knows
    }
  }
}

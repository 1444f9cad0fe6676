// What the tiles of one page share: how many may connect at once, and which ways to the server are open.

/** @typedef {"webrtc" | "mjpeg" | "snapshots"} Way */

const TOGETHER = 4; // connecting many at once makes each of them slow
const ENDLESS = 4; // a browser keeps 6 connections to one server, and an MJPEG picture holds one for good
const FORGET_MS = 120_000;

export class Ways {
  #connecting = 0;
  /** @type {(() => void)[]} */
  #waiting = [];
  #endless = 0;
  #worked = false;
  #failedAt = -Infinity;

  /** Whether WebRTC is worth a try: where it never got through it is not tried by every tile. */
  get open() {
    return typeof RTCPeerConnection !== "undefined" && (this.#worked || performance.now() - this.#failedAt > FORGET_MS);
  }

  worked() {
    this.#worked = true;
  }

  failed() {
    this.#failedAt = performance.now();
  }

  /** Waits for one's turn to connect. @returns {Promise<() => void>} ends the turn */
  async turn() {
    if (this.#connecting >= TOGETHER) await new Promise((/** @type {(value?: unknown) => void} */ go) => this.#waiting.push(go));
    this.#connecting += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#connecting -= 1;
      this.#waiting.shift()?.();
    };
  }

  /** @returns {(() => void) | null} gives the connection back; null when all are taken */
  endless() {
    if (this.#endless >= ENDLESS) return null;
    this.#endless += 1;
    let over = false;
    return () => {
      if (!over) this.#endless -= 1;
      over = true;
    };
  }
}

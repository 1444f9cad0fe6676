// Remembers when each frame of one's own camera left the page, by its RTP timestamp.

const KEPT = 300; // ten seconds at 30 frames a second
const READY_MS = 800;

export class FrameTags {
  /** @type {Worker} */
  #worker;
  /** @type {Map<number, number>} */
  #sent = new Map();

  /** @param {Worker} worker */
  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#note(data.rtp, data.at - performance.timeOrigin);
  }

  /**
   * Starts the worker. It must run before a sender is hooked: a transform without its worker would hold back every frame.
   * @returns {Promise<FrameTags | null>} null where the browser cannot
   */
  static async start() {
    if (typeof RTCRtpScriptTransform === "undefined" || !("transform" in RTCRtpSender.prototype)) return null;
    const worker = new Worker(new URL("./frame-tags.worker.js", import.meta.url), { type: "module", name: "frame-tags" });
    if (await ready(worker)) return new FrameTags(worker);
    worker.terminate();
    return null;
  }

  /**
   * Chromium lets frames bypass a transform that is not set in the very task that made the sender.
   * @param {RTCRtpSender} sender
   */
  hook(sender) {
    sender.transform = new RTCRtpScriptTransform(this.#worker, {});
  }

  /** @param {number | null} rtp @returns {number | null} on the page's clock */
  sentAt(rtp) {
    return rtp === null ? null : (this.#sent.get(rtp) ?? null);
  }

  close() {
    this.#worker.terminate();
  }

  /** @param {number} rtp @param {number} at */
  #note(rtp, at) {
    this.#sent.set(rtp, at);
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > KEPT && oldest !== undefined) this.#sent.delete(oldest);
  }
}

/** @param {Worker} worker @returns {Promise<boolean>} */
function ready(worker) {
  return new Promise((resolve) => {
    worker.onmessage = () => resolve(true);
    worker.onerror = () => resolve(false);
    setTimeout(() => resolve(false), READY_MS);
  });
}

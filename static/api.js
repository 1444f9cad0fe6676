// The server's HTTP interface as methods; refusals become one error class with the server's own slug.

/** @typedef {import("./types.js").Mode} Mode */

const SLUG = "urn:vigie:problem:";

/** A refusal by the server, or `unreachable` when nothing answered. */
export class Problem extends Error {
  /**
   * @param {string} slug
   * @param {string} [detail] the server's sentence, in English
   * @param {number} [status]
   */
  constructor(slug, detail = "", status = 0) {
    super(detail || slug);
    this.slug = slug;
    this.detail = detail;
    this.status = status;
  }
}

export class Api {
  #base;

  /** @param {string} origin "" is the page's own */
  constructor(origin) {
    this.#base = origin ? `${origin.replace(/\/+$/, "")}/` : document.baseURI;
  }

  /** @returns {Promise<import("./types.js").ServerInfo>} */
  server() {
    return this.#json("api/v1/server", { signal: AbortSignal.timeout(5000) });
  }

  /** @returns {Promise<import("./types.js").ServerCamera[]>} */
  async cameras() {
    const answer = await this.#json("api/v1/cameras", { signal: AbortSignal.timeout(5000) });
    return answer.cameras;
  }

  /** @returns {Promise<import("./types.js").VigieEvent[]>} */
  async events() {
    const answer = await this.#json("api/v1/events?limit=50", { signal: AbortSignal.timeout(5000) });
    return answer.events;
  }

  /**
   * @param {Blob} picture
   * @param {number} confidence lowest score reported
   * @param {AbortSignal} signal
   * @returns {Promise<import("./types.js").DetectResult>}
   */
  detect(picture, confidence, signal) {
    return this.#json(`api/v1/detect?confidence=${confidence}`, { ...upload(picture), signal });
  }

  /**
   * @param {Blob} picture
   * @param {number} confidence
   * @param {AbortSignal} signal
   * @returns {Promise<Blob>} the annotated JPEG
   */
  async annotate(picture, confidence, signal) {
    const path = `api/v1/detect?annotate=jpeg&confidence=${confidence}`;
    return (await this.#fetch(path, { ...upload(picture), signal })).blob();
  }

  /**
   * @param {{ sdp: string, type: "offer", mode: Mode, camera?: string }} offer
   * @returns {Promise<{ sdp: string, type: "answer", session: string }>}
   */
  offer(offer) {
    return this.#json("api/v1/webrtc/offer", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(offer),
    });
  }

  /** @param {string} session */
  async hangUp(session) {
    const path = `api/v1/webrtc/${encodeURIComponent(session)}`;
    // keepalive: the visitor may be closing the tab. A failure changes nothing, the server's own time-out ends it.
    await this.#fetch(path, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  /** @param {Mode} mode */
  streamUrl(mode) {
    const url = new URL(`api/v1/stream?mode=${mode}`, this.#base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url.href;
  }

  /** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
  async #json(path, options) {
    const answer = await this.#fetch(path, options);
    return answer.json().catch(() => {
      throw new Problem("unreachable"); // something else answers at this address
    });
  }

  /** @param {string} path @param {RequestInit} [options] */
  async #fetch(path, options) {
    let answer;
    try {
      answer = await fetch(new URL(path, this.#base), options);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem("unreachable");
    }
    if (!answer.ok) throw await problemOf(answer);
    return answer;
  }
}

/** @param {Blob} picture @returns {RequestInit} */
function upload(picture) {
  return { method: "POST", headers: { "content-type": picture.type || "application/octet-stream" }, body: picture };
}

/** @param {Response} answer */
async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  const type = typeof body.type === "string" ? body.type : "";
  const slug = type.startsWith(SLUG) ? type.slice(SLUG.length) : answer.status >= 502 ? "unreachable" : "internal";
  return new Problem(slug, typeof body.detail === "string" ? body.detail : "", answer.status);
}

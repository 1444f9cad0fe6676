// The server's HTTP interface as methods; refusals become one error class with the server's own slug.
import { Keep } from "./access/keep.js";
import { noteServerDate } from "./fleet/server-clock.js";

/** @typedef {import("./types.js").Mode} Mode */
/** @typedef {import("./types.js").ServerCamera} ServerCamera */
/** @typedef {import("./types.js").CameraChanges} CameraChanges */
/** @typedef {{ field: string, detail: string }} FieldError */

const SLUG = "urn:vigie:problem:";
const PATIENCE_MS = 15_000;
const PASS_MS = 30 * 60_000;
const PASS_AGAIN_MS = 5000;

/** A refusal by the server, or `unreachable` when nothing answered. */
export class Problem extends Error {
  /**
   * @param {string} slug
   * @param {string} [detail] the server's sentence, in English
   * @param {number} [status]
   * @param {FieldError[]} [errors] which settings of a camera are wrong
   */
  constructor(slug, detail = "", status = 0, errors = []) {
    super(detail || slug);
    this.slug = slug;
    this.detail = detail;
    this.status = status;
    this.errors = errors;
  }
}

export class Api {
  #base;
  #keep;
  /** For what the browser asks for by an address alone. */
  #pass = "";
  /** What is done when the server wants to know who this is. */
  onLoginRequired = () => {};

  /** @param {string} origin "" is the page's own */
  constructor(origin) {
    this.#base = origin ? `${origin.replace(/\/+$/, "")}/` : document.baseURI;
    this.#keep = new URL(this.#base, location.href).origin === location.origin ? null : new Keep();
  }

  /** Whether the page comes from another origin than its server: then it shows its token itself, for browsers keep
   * cookies from pages of other sites. */
  get elsewhere() {
    return this.#keep !== null;
  }

  /** @param {string} token of a session that has begun */
  use(token) {
    this.#keep?.put(token);
  }

  /** Takes a new pass, where one is needed, and goes on doing so. */
  async renewPass() {
    if (!this.elsewhere) return;
    let wait_ms = PASS_AGAIN_MS;
    try {
      const { pass, expires_at } = await this.#json("api/v1/session/pass", { method: "POST", signal: AbortSignal.timeout(5000) });
      this.#pass = pass;
      wait_ms = Math.min(PASS_MS, Math.max(PASS_AGAIN_MS, (Date.parse(expires_at) - Date.now()) / 2));
    } catch (error) {
      if (!(error instanceof Problem)) throw error; // a server that is away is asked again
    }
    setTimeout(() => void this.renewPass(), wait_ms);
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

  /** @param {CameraChanges} camera @returns {Promise<ServerCamera & { whip?: import("./types.js").WhipAddress }>} */
  addCamera(camera) {
    return this.#json("api/v1/cameras", json("POST", camera));
  }

  /** @param {string} name @param {CameraChanges} changes @returns {Promise<ServerCamera>} */
  changeCamera(name, changes) {
    return this.#json(cameraPath(name), json("PATCH", changes));
  }

  /** @param {string} name */
  async removeCamera(name) {
    await this.#fetch(cameraPath(name), { method: "DELETE" });
  }

  /** @param {string} name @param {"start" | "stop"} order @returns {Promise<ServerCamera>} */
  orderCamera(name, order) {
    return this.#json(cameraPath(name, order), { method: "POST" });
  }

  /**
   * @param {CameraChanges & { camera?: string }} camera a new one, or the name of a known one and what would change
   * @param {AbortSignal} signal
   * @returns {Promise<import("./types.js").ProbeResult>}
   */
  probeCamera(camera, signal) {
    return this.#json("api/v1/cameras/probe", { ...json("POST", camera), signal });
  }

  /** @param {string} name @param {AbortSignal} signal @returns {Promise<import("./types.js").CameraStats>} */
  cameraStats(name, signal) {
    return this.#json(cameraPath(name, "stats"), { signal });
  }

  /** @param {string} name @param {AbortSignal} signal @returns {Promise<Blob>} the newest picture, with its boxes */
  async snapshot(name, signal) {
    return (await this.#fetch(cameraPath(name, "snapshot.jpg"), { signal })).blob();
  }

  /** @param {string} name @param {number} rate pictures per second */
  mjpegUrl(name, rate) {
    return this.opened(cameraPath(name, `mjpeg?rate=${rate}`));
  }

  /** @param {string} path of what the browser opens by its address alone, which can send no token @returns {string} */
  opened(path) {
    const url = new URL(path, this.#base);
    if (this.#pass) url.searchParams.set("pass", this.#pass);
    return url.href;
  }

  /** @returns {Record<string, string>} what a request has to say of who makes it */
  credentials() {
    const token = this.#keep?.get();
    return token ? { authorization: `Bearer ${token}` } : {};
  }

  /** @param {string} path of the server @returns {string} */
  address(path) {
    return new URL(path.replace(/^\/+/, ""), this.#base).href;
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

  /** @returns {Promise<RTCIceServer[]>} the STUN and TURN servers, with passwords that soon end */
  async iceServers() {
    return (await this.#json("api/v1/ice")).iceServers;
  }

  /**
   * @param {{ sdp: string, type: "offer", mode: Mode, camera?: string, size?: "full" | "small" }} offer
   * @returns {Promise<{ sdp: string, type: "answer", session: string }>}
   */
  offer(offer) {
    return this.#json("api/v1/webrtc/offer", json("POST", offer));
  }

  /** @param {string} session */
  async hangUp(session) {
    const path = `api/v1/webrtc/${encodeURIComponent(session)}`;
    // keepalive: the visitor may be closing the tab. A failure changes nothing, the server's own time-out ends it.
    await this.#fetch(path, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  /**
   * Any route of the server that answers JSON, or nothing.
   * @param {string} method
   * @param {string} path
   * @param {{ body?: unknown, signal?: AbortSignal | undefined, patience_ms?: number }} [more]
   * @returns {Promise<any>} null where the answer is empty
   */
  async ask(method, path, { body, signal, patience_ms = PATIENCE_MS } = {}) {
    const options = body === undefined ? { method, signal: AbortSignal.timeout(patience_ms) } : json(method, body);
    if (signal && options.signal) options.signal = AbortSignal.any([signal, options.signal]);
    const answer = await this.#fetch(path, options);
    if (answer.status === 204) return null;
    return answer.json().catch(() => {
      throw new Problem("unreachable");
    });
  }

  /** @param {string} path @param {AbortSignal} signal */
  async text(path, signal) {
    return (await this.#fetch(path, { signal })).text();
  }

  /** @param {Mode} mode */
  streamUrl(mode) {
    const url = new URL(this.opened(`api/v1/stream?mode=${mode}`));
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
  async #fetch(path, options = {}) {
    let answer;
    try {
      answer = await fetch(new URL(path, this.#base), { ...options, headers: { ...options.headers, ...this.credentials() } });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem("unreachable");
    }
    noteServerDate(answer.headers.get("date"));
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (problem.slug === "wrong-token") this.#keep?.put("");
    if (problem.slug === "login-required" || problem.slug === "wrong-token") this.onLoginRequired();
    throw problem;
  }
}

/** @param {string} name @param {string} [rest] */
function cameraPath(name, rest) {
  return `api/v1/cameras/${encodeURIComponent(name)}${rest ? `/${rest}` : ""}`;
}

/** @param {string} method @param {unknown} body @returns {RequestInit} */
function json(method, body) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal };
}

/** @param {Blob} picture @returns {RequestInit} */
function upload(picture) {
  return { method: "POST", headers: { "content-type": picture.type || "application/octet-stream" }, body: picture };
}

/** @param {Response} answer */
async function problemOf(answer) {
  return problemFrom(await answer.json().catch(() => ({})), answer.status);
}

/** @param {any} body what a refusal had in it, which may be nothing of the server's @param {number} status */
export function problemFrom(body, status) {
  const type = typeof body?.type === "string" ? body.type : "";
  const slug = type.startsWith(SLUG) ? type.slice(SLUG.length) : status >= 502 ? "unreachable" : "internal";
  const errors = Array.isArray(body?.errors) ? body.errors : [];
  return new Problem(slug, typeof body?.detail === "string" ? body.detail : "", status, errors);
}

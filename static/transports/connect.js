// The ladder: WebRTC first, and the WebSocket where WebRTC does not get through in time.
import { Problem } from "../api.js";
import { WebRtcTransport } from "./webrtc.js";
import { WebSocketTransport } from "./websocket.js";

/** @typedef {import("../types.js").Mode} Mode */
/** @typedef {{ stream: MediaStream } | { camera: string, size?: "full" | "small" }} Source */
/** @typedef {import("./transport.js").Transport} Transport */
/** @typedef {"timeout" | "unsupported" | "failed" | "asked"} FallbackReason */

const WEBRTC_MS = 5000;
const WEBSOCKET_MS = 10000;
/** Another rung would be refused for the same reason. */
const FINAL = new Set(["unreachable", "too-many-sessions", "unknown-camera", "not-ready", "forbidden-origin", "stream-refused"]);

/**
 * @param {import("../api.js").Api} api
 * @param {Source} source
 * @param {Mode} mode
 * @param {{ skipWebRtc: FallbackReason | null, prepare: (transport: Transport, fallback: FallbackReason | null) => void }} options
 *   `prepare` is called before a transport opens, to listen in time
 * @returns {Promise<Transport>} an open transport
 */
export async function connect(api, source, mode, { skipWebRtc, prepare }) {
  let reason = skipWebRtc ?? (typeof RTCPeerConnection === "undefined" ? "unsupported" : null);
  if (!reason) {
    const transport = new WebRtcTransport(api, source, mode);
    prepare(transport, null);
    reason = await attempt(transport, WEBRTC_MS);
    if (!reason) return transport;
  }
  if (!("stream" in source)) throw new Problem("camera-needs-webrtc");
  const transport = new WebSocketTransport(api, source, mode);
  prepare(transport, reason);
  if (await attempt(transport, WEBSOCKET_MS)) throw new Problem("unreachable");
  return transport;
}

/**
 * @param {Transport} transport
 * @param {number} patience_ms
 * @returns {Promise<"timeout" | "failed" | null>} null: it is open
 */
async function attempt(transport, patience_ms) {
  /** @type {number | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, patience_ms, "timeout")));
  try {
    const outcome = await Promise.race([transport.open(), late]);
    if (outcome !== "timeout") return null;
    transport.close();
    return "timeout";
  } catch (error) {
    transport.close();
    if (error instanceof Problem && FINAL.has(error.slug)) throw error;
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}

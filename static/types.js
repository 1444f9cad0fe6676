// The shapes that travel between the server and the page, as the API documents them.

/** @typedef {"burned_in" | "overlay"} Mode */
/** @typedef {{ x1: number, y1: number, x2: number, y2: number }} Box pixels of the upright picture */
/** @typedef {{ width: number, height: number }} Size pixels */
/** @typedef {"seen" | "suspected" | "confirmed"} Standing how sure the server is of one box */

/**
 * @typedef {object} Detection
 * @property {string} label
 * @property {number} confidence 0 to 1
 * @property {Box} box
 */

/**
 * @typedef {object} TrackedPart
 * @property {number | null} track_id
 * @property {{ x: number, y: number }} velocity pixels per second
 * @property {Standing} state
 * @typedef {Detection & TrackedPart} TrackedDetection
 */

/**
 * @typedef {object} BoxesMessage
 * @property {string} feed
 * @property {number} sequence
 * @property {number} timestamp 90 kHz media clock of the feed
 * @property {number | null} rtp_timestamp uint32
 * @property {Size} image
 * @property {TrackedDetection[]} detections
 * @property {number} delay_ms the server's own: frame received to boxes ready
 */

/**
 * @typedef {object} VigieEvent
 * @property {string} id
 * @property {number} revision
 * @property {"suspected" | "confirmed" | "ended"} state
 * @property {string} camera
 * @property {string} label
 * @property {string} first_seen ISO 8601
 * @property {string | null} confirmed_at
 * @property {string | null} ended_at
 * @property {string} last_seen
 * @property {number} best_score
 */

/**
 * @typedef {object} StatsMessage
 * @property {number} frames_per_second
 * @property {number} looks_per_second
 * @property {{ median: number, p95: number } | null} delay_ms
 * @property {string} state
 */

/** @typedef {{ feed: string, mode: Mode, model: { name: string, labels: string[] } }} HelloMessage */

/**
 * @typedef {object} ServerInfo
 * @property {string} version
 * @property {{ name: string, labels: string[], backend: string, device: string, input_size: number }} model
 * @property {boolean} ready
 * @property {{ upload_bytes: number, picture_pixels: number, stream_frame_bytes: number, sessions: number }} limits
 */

/**
 * @typedef {object} ServerCamera
 * @property {string} name
 * @property {string} kind
 * @property {"connecting" | "live" | "ended" | "failed"} state
 * @property {string | null} reason
 */

/**
 * @typedef {object} DetectResult
 * @property {string} model
 * @property {Size} image
 * @property {Detection[]} detections
 * @property {{ decode: number, preprocess: number, inference: number, postprocess: number, total: number }} timing_ms
 */

export {};

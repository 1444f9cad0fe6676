// The shapes that travel between the server and the page, as the API documents them.

/** @typedef {"burned_in" | "overlay"} Mode */
/** @typedef {{ x1: number, y1: number, x2: number, y2: number }} Box pixels of the upright picture */
/** @typedef {{ width: number, height: number }} Size pixels */
/** @typedef {"seen" | "suspected" | "confirmed" | "retracted"} Standing what the server takes one box for; a person said that a retracted one is nothing */

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

/** @typedef {"suspected" | "confirmed" | "ended" | "retracted"} EventState */
/** @typedef {"real" | "false" | "unsure"} Verdict what a person says of an event */

/**
 * @typedef {object} VigieEvent
 * @property {string} id
 * @property {number} revision
 * @property {EventState} state
 * @property {string} kind the label, or of what else is told, as "evidence-stopped"
 * @property {string} camera "" for what is about the server itself
 * @property {string} label
 * @property {string} first_seen ISO 8601
 * @property {string | null} confirmed_at
 * @property {string | null} ended_at
 * @property {string} last_seen
 * @property {number} best_score
 * @property {number} looks
 * @property {number} hits
 * @property {number} track_id
 * @property {Box} box
 * @property {Size} image
 * @property {string} model
 * @property {string} policy
 * @property {Verdict | null} verdict
 * @property {string | null} note
 * @property {string | null} verdict_at
 * @property {string | null} retracted_at
 * @property {Evidence | null} [evidence] not told by the stream
 */

/** @typedef {{ name: string, media_type: string, size: number, sha256: string, url: string }} EvidenceFile */
/** @typedef {{ state: "writing" | "complete" | "stopped" | "removed", held: boolean, files: EvidenceFile[] }} Evidence */
/** @typedef {{ at: number, box: Box, score: number }} PathPoint at: seconds since first seen */
/** @typedef {{ revision: number, type: string, at: string }} Revision */
/** @typedef {VigieEvent & { path: PathPoint[], history: Revision[], deliveries: EventDelivery[] }} FullEvent */
/** @typedef {{ events: VigieEvent[], next: string | null }} EventPage newest first */
/** @typedef {{ type: string, timestamp: string, data: VigieEvent }} EventChange */

/** @typedef {"waiting" | "delivered" | "dead"} DeliveryState */

/**
 * @typedef {object} DeliveryReport
 * @property {string} id
 * @property {string} webhook
 * @property {string} type
 * @property {DeliveryState} state
 * @property {number} attempts
 * @property {number | null} last_status
 * @property {string | null} last_error
 * @property {string | null} delivered_at
 * @property {string | null} next_try_at
 * @typedef {DeliveryReport & { channel: string, url: string }} EventDelivery
 * @typedef {DeliveryReport & { event: string | null, created_at: string }} Delivery
 */

/** @typedef {{ at: string, took_ms: number, status: number | null, outcome: string, error: string | null, response: string | null }} Attempt */
/** @typedef {Delivery & { body: unknown, log: Attempt[] }} FullDelivery */
/** @typedef {{ deliveries: Delivery[], next: string | null }} DeliveryPage newest first */

/**
 * @typedef {object} WebhookSettings
 * @property {string} url
 * @property {string} description
 * @property {string[]} kinds none: all
 * @property {string[]} cameras none: all
 * @property {string[]} states
 * @property {boolean} enabled
 */

/**
 * @typedef {object} WebhookReport
 * @property {string} id
 * @property {string} channel "webhook", or "mqtt" from the settings
 * @property {string | null} reason why it was switched off
 * @property {string} created_at
 * @property {number} secrets that are live: 2 after one was made anew
 * @property {"closed" | "open" | "half-open"} circuit
 * @property {number} waiting
 * @property {number} dead
 * @property {string | null} last_success_at
 * @property {{ at: string, status: number | null, error: string | null } | null} last_failure
 * @typedef {WebhookSettings & WebhookReport} Webhook
 */

/** @typedef {{ hits: number, of: number, median_score: number, version: string }} Policy */
/** @typedef {{ default: Policy, cameras: Record<string, Policy> }} Policies */

/** @typedef {"connecting" | "live" | "stalled" | "retrying" | "stopped" | "ended"} CameraState */
/** @typedef {{ still: number, rate: number, busy: number, lost: number }} Skipped frames not looked at, by cause */
/** @typedef {[x: number, y: number]} Point fractions of the picture's width and height */
/** @typedef {Point[]} Polygon */

/**
 * @typedef {object} StatsMessage
 * @property {number} frames_per_second
 * @property {number} looks_per_second
 * @property {{ median: number, p95: number } | null} delay_ms
 * @property {CameraState} state
 * @property {string | null} reason
 * @property {string | null} next_try_at ISO 8601
 * @property {"suspected" | "confirmed" | null} suspicion
 */

/** @typedef {{ feed: string, mode: Mode, model: { name: string, labels: string[] } }} HelloMessage */

/**
 * @typedef {object} ServerInfo
 * @property {string} version
 * @property {{ name: string, labels: string[], backend: string, device: string, input_size: number, asked: string | null, fallback: string | null, trouble: string | null }} model `fallback`: why it does not run on the device that was asked for; `trouble`: why another one than was chosen looks
 * @property {boolean} ready
 * @property {{ upload_bytes: number, picture_pixels: number, stream_frame_bytes: number, sessions: number }} limits
 */

/**
 * @typedef {object} Model
 * @property {string} id SHA-256 of its file
 * @property {string} name
 * @property {string} version
 * @property {string[]} labels
 * @property {number} size_bytes
 * @property {string} precision "fp32", "int8", or "" where it is not known
 * @property {string | null} backend
 * @property {string | null} device of the one in use
 * @property {"bundled" | "settings" | "uploaded"} origin
 * @property {"active" | "stored" | "rolled-back" | "failed"} state
 * @property {boolean} on_trial
 * @property {string | null} reason
 * @property {string | null} added_at ISO 8601
 * @property {{ score: number | null, warm_up_ms: number, look_ms: number } | null} checked
 */

/** @typedef {{ models: Model[], changing: boolean, limits: { upload_bytes: number, most: number } }} ModelList */

/**
 * @typedef {object} CameraSettings
 * @property {string} name
 * @property {string} url without user name and password; what follows a "?" is hidden
 * @property {"tcp" | "udp"} transport
 * @property {boolean} loop
 * @property {number | null} look_rate looks per second; null: the server's own
 * @property {Polygon[]} zones
 * @property {Polygon[]} masks
 * @property {boolean} motion_gate
 * @property {boolean} enabled
 * @property {string[]} labels
 */

/**
 * @typedef {object} CameraReport
 * @property {string} kind
 * @property {boolean} credentials whether a user name or password is kept
 * @property {"settings" | "api" | "push"} origin
 * @property {CameraState} state
 * @property {string | null} reason
 * @property {string} since ISO 8601
 * @property {string | null} next_try_at ISO 8601
 * @property {string | null} codec
 * @property {number} width
 * @property {number} height
 * @property {number} viewers
 * @property {"suspected" | "confirmed" | null} suspicion
 * @property {boolean} moving
 * @property {number} frames_per_second
 * @property {number} looks_per_second
 * @property {{ median: number, p95: number } | null} delay_ms
 * @property {{ seen: number, looked_at: number, dropped: number, skipped: Skipped }} frames
 * @typedef {CameraSettings & CameraReport} ServerCamera
 */

/** @typedef {Partial<CameraSettings> & { username?: string | null, password?: string | null }} CameraChanges */
/** @typedef {{ path: string, token: string }} WhipAddress shown once */

/**
 * @typedef {object} Sample
 * @property {string} at ISO 8601
 * @property {CameraState} state
 * @property {number} frames_per_second
 * @property {number} looks_per_second
 * @property {number | null} delay_ms 95th percentile
 * @property {number} moving share of the time, 0 to 1
 * @property {Skipped} skipped
 */

/** @typedef {ServerCamera & { step_s: number, history: Sample[] }} CameraStats */

/**
 * @typedef {{ ok: true, codec: string, width: number, height: number, frames_per_second: number, took_ms: number, picture: string }
 *   | { ok: false, reason: string, took_ms: number }} ProbeResult
 */

/**
 * @typedef {object} DetectResult
 * @property {string} model
 * @property {Size} image
 * @property {Detection[]} detections
 * @property {{ decode: number, preprocess: number, inference: number, postprocess: number, total: number }} timing_ms
 */

export {};

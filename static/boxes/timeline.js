// Which boxes belong to the frame on the screen. Pure: time comes in as an argument.

/** @typedef {import("../transports/transport.js").KnownBoxes} KnownBoxes */
/** @typedef {import("../types.js").TrackedDetection} TrackedDetection */
/** @typedef {import("../types.js").Size} Size */
/** @typedef {{ image: Size, detections: TrackedDetection[], keyed: boolean }} Fitting */

const KEPT = 90;
const RTP_PER_MS = 90;
const FORWARD_MS = 300; // further ahead a straight line is a guess
const STALE_MS = 1500; // older boxes would point at an empty place

/**
 * Signed distance on the 32-bit RTP clock, so that a wrap between the two does not matter.
 * @param {number} later
 * @param {number} earlier
 */
export function rtpDistance(later, earlier) {
  return (later - earlier) | 0;
}

/**
 * @param {TrackedDetection[]} detections
 * @param {number} age_ms
 * @returns {TrackedDetection[]} where they are by now, if each keeps its velocity
 */
export function forward(detections, age_ms) {
  const seconds = Math.min(Math.max(age_ms, 0), FORWARD_MS) / 1000;
  return detections.map((detection) => {
    const { x1, y1, x2, y2 } = detection.box;
    const dx = detection.velocity.x * seconds;
    const dy = detection.velocity.y * seconds;
    return { ...detection, box: { x1: x1 + dx, y1: y1 + dy, x2: x2 + dx, y2: y2 + dy } };
  });
}

export class Timeline {
  /** @type {{ boxes: KnownBoxes, arrived: number }[]} oldest first */
  #held = [];

  /** @param {KnownBoxes} boxes @param {number} now */
  add(boxes, now) {
    this.#held.push({ boxes, arrived: now });
    if (this.#held.length > KEPT) this.#held.shift();
  }

  clear() {
    this.#held = [];
  }

  /**
   * For one's own preview: the newest boxes, moved to now.
   * @param {number} now
   * @returns {Fitting | null}
   */
  newest(now) {
    const last = this.#held.at(-1);
    if (!last) return null;
    const { boxes, arrived } = last;
    const age_ms = now - (boxes.sent_at ?? arrived - boxes.delay_ms);
    return fitting(boxes, age_ms, boxes.sent_at !== null);
  }

  /**
   * For received video: the newest boxes at or before the displayed frame, moved to it.
   * @param {number} rtp of the displayed frame
   * @returns {Fitting | null}
   */
  at(rtp) {
    for (let index = this.#held.length - 1; index >= 0; index -= 1) {
      const boxes = this.#held[index]?.boxes;
      if (boxes?.rtp_timestamp == null) continue;
      const distance = rtpDistance(rtp, boxes.rtp_timestamp);
      if (distance >= 0) return fitting(boxes, distance / RTP_PER_MS, true);
    }
    return null;
  }
}

/** @param {KnownBoxes} boxes @param {number} age_ms @param {boolean} keyed @returns {Fitting} */
function fitting(boxes, age_ms, keyed) {
  const detections = age_ms > STALE_MS ? [] : forward(boxes.detections, age_ms);
  return { image: boxes.image, detections, keyed };
}

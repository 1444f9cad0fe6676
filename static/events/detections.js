// The boxes of a clip, as they were found while it was recorded: read from JSON lines, and told for any moment. Pure.

/** @typedef {{ box: [x1: number, y1: number, x2: number, y2: number], score: number, label: string, track_id?: number }} Found fractions of the picture */
/** @typedef {{ at: number, clip_at: number, detections: Found[] }} Look at: seconds on the feed's clock; clip_at: on the clip's */

const HOLD_S = 0.4; // between two looks further apart, nobody knows where it was
const KEEP_S = 0.12;

/** @param {string} text @returns {Look[]} those within the clip, in order */
export function looksOf(text) {
  return text
    .split("\n")
    .flatMap((line) => {
      try {
        const look = JSON.parse(line);
        return typeof look.clip_at === "number" && Array.isArray(look.detections) ? [/** @type {Look} */ (look)] : [];
      } catch {
        return []; // an empty line at the end, or one cut short
      }
    })
    .sort((a, b) => a.clip_at - b.clip_at);
}

/**
 * The boxes at a moment of the clip: those of the look before it, moved on towards the look after it.
 * @param {Look[]} looks
 * @param {number} time seconds
 * @returns {Found[]}
 */
export function foundAt(looks, time) {
  const next = looks.findIndex(({ clip_at }) => clip_at > time + 0.001);
  const before = looks[next < 0 ? looks.length - 1 : next - 1];
  if (!before) return [];
  const age = time - before.clip_at;
  const after = next < 0 ? undefined : looks[next];
  const gap = after ? after.clip_at - before.clip_at : Infinity;
  if (!after || gap > HOLD_S) return age <= KEEP_S ? before.detections : [];
  const share = age / gap;
  return before.detections.flatMap((found) => {
    const then = found.track_id === undefined ? undefined : after.detections.find(({ track_id }) => track_id === found.track_id);
    if (then) return [{ ...found, box: between(found.box, then.box, share) }];
    return age <= Math.max(KEEP_S, gap / 2) ? [found] : [];
  });
}

/**
 * What time it was when the clip begins, by the looks: each has its time on both clocks.
 * @param {string} text
 * @returns {number | null} unix seconds
 */
export function beginningOf(text) {
  const [look] = looksOf(text);
  const began = /^\{.*"began":\s*([0-9.]+)/.exec(text)?.[1];
  return look && began ? Number(began) + look.at - look.clip_at : null;
}

/** @param {Found["box"]} from @param {Found["box"]} to @param {number} share @returns {Found["box"]} */
function between(from, to, share) {
  const mix = (/** @type {0 | 1 | 2 | 3} */ side) => from[side] + (to[side] - from[side]) * share;
  return [mix(0), mix(1), mix(2), mix(3)];
}

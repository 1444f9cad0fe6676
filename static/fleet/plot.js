// The arithmetic of the plot. Pure: samples in, SVG path data out.

/** @typedef {import("../types.js").Sample} Sample */
/** @typedef {{ left: number, top: number, width: number, height: number }} Frame */
/** @typedef {{ kind: "away" | "stopped", from: number, to: number }} Band places on the time axis, pixels */

/** @param {number} most @returns {number} a round number not below it */
export function roundUp(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1e-9)));
  return ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= most - 1e-9) ?? 10) * power;
}

/**
 * Where a moment lies: the axis always spans the same time and ends now.
 * @param {number} at ms
 * @param {number} now ms
 * @param {number} span_ms
 * @param {Frame} frame
 */
export function across(at, now, span_ms, { left, width }) {
  return left + width * (1 - (now - at) / span_ms);
}

/**
 * A line with gaps where nothing was measured.
 * @param {(number | null)[]} values
 * @param {number[]} places
 * @param {number} most
 * @param {Frame} frame
 */
export function line(values, places, most, { top, height }) {
  let pen = "M";
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return void (pen = "M");
    const y = top + height * (1 - Math.min(value, most) / most);
    path += `${pen}${(places[index] ?? 0).toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  });
  return path;
}

/** @param {Sample[]} samples @param {number[]} places @param {number} step pixels of one sample @returns {Band[]} */
export function bands(samples, places, step) {
  /** @type {Band[]} */
  const found = [];
  samples.forEach(({ state }, index) => {
    if (state === "live") return;
    const kind = state === "stopped" ? "stopped" : "away";
    const to = places[index] ?? 0;
    const last = found.at(-1);
    if (last && last.kind === kind && to - step - last.to < step / 2) last.to = to;
    else found.push({ kind, from: to - step, to });
  });
  return found;
}

/**
 * Whole samples of the table: one row for several, as nobody reads 360.
 * @param {Sample[]} samples
 * @param {number} size samples in a row
 */
export function rows(samples, size) {
  const groups = [];
  for (let start = 0; start < samples.length; start += size) groups.push(samples.slice(start, start + size));
  return groups.map((group) => {
    const live = group.filter(({ state }) => state === "live");
    const delays = live.flatMap(({ delay_ms }) => (delay_ms === null ? [] : [delay_ms]));
    const away = group.find(({ state }) => state !== "live");
    return {
      at: group.at(-1)?.at ?? "",
      state: live.length * 2 >= group.length || !away ? /** @type {const} */ ("live") : away.state,
      frames: mean(live.map((sample) => sample.frames_per_second)),
      looks: mean(live.map((sample) => sample.looks_per_second)),
      delay: delays.length ? Math.max(...delays) : null,
    };
  });
}

/** @param {number[]} values */
export function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
}

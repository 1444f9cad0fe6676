// <vigie-history>: the last hour of one camera as a plot, read by eye, by touch, by keyboard or as a table.
import { h, svg } from "../dom.js";
import { clock, language, languages, percent, say, t } from "../i18n/i18n.js";
import { across, bands, line, mean, roundUp, rows } from "../fleet/plot.js";

/** @typedef {import("../types.js").Sample} Sample */
/** @typedef {import("../fleet/plot.js").Frame} Frame */

/** How much the plot spans, by what there is, and the minutes named on its axis. */
const SPANS_MIN = [
  [10, 5, 0],
  [20, 10, 0],
  [30, 20, 10, 0],
  [60, 45, 30, 15, 0],
];
const MINUTE_MS = 60_000;
const ROW_SAMPLES = 30; // five minutes

export class VigieHistory extends HTMLElement {
  #title = h("h2", { class: "card-title", t: "history.title" });
  #readout = h("p", { class: "plot-readout", "aria-hidden": "true" });
  #message = h("p", { class: "hint", t: "history.loading" });
  #plot = svg("svg", { class: "plot", role: "slider", tabindex: 0, "data-testid": "plot" });
  #cursor = svg("line", { class: "plot-cursor" });
  #legend = h("div", { class: "plot-legend", "aria-hidden": "true" });
  #summary = h("p", { class: "hint", testid: "history-summary" });
  #body = h("tbody");
  #details = h("details", { class: "plot-table" }, h("summary", { t: "history.table" }));
  /** @type {Sample[]} */
  #samples = [];
  /** @type {number[]} */
  #places = [];
  #step_ms = 10_000;
  #now = 0;
  /** @type {number | null} */
  #pointed = null;

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "history");
    this.dataset.testid = "history";
    const names = /** @type {const} */ (["time", "state", "frames", "looks", "delay"]);
    const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col", t: `history.table.${name}` })));
    this.#details.append(h("div", { class: "table-wrap" }, h("table", {}, h("thead", {}, head), this.#body)));
    for (const name of /** @type {const} */ (["frames", "looks"])) this.#legend.append(h("span", { class: `key key-${name}`, t: `history.${name}` }));
    this.#legend.append(h("span", { class: "key key-away", t: "history.legend.away" }), h("span", { class: "key key-stopped", t: "history.legend.stopped" }));
    this.append(h("div", { class: "card-head" }, this.#title, this.#readout), this.#message, this.#legend, this.#plot, this.#summary, this.#details);
    say(this.#plot, "history.slider", {}, "aria-label");
    new ResizeObserver(() => this.#draw()).observe(this);
    languages.on("change", () => this.#write());
    this.#plot.addEventListener("pointermove", (event) => this.#pointAt(event));
    this.#plot.addEventListener("pointerdown", (event) => this.#pointAt(event));
    this.#plot.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.#point(null));
    this.#plot.addEventListener("keydown", (event) => this.#pressed(event));
    this.#plot.addEventListener("focus", () => this.#pointed ?? this.#point(this.#samples.length - 1));
    this.#plot.addEventListener("blur", () => this.#point(null));
    this.#write();
  }

  /** @param {Sample[]} samples oldest first @param {number} step_s */
  show(samples, step_s) {
    const live = this.#pointed === null ? null : this.#samples[this.#pointed]?.at;
    this.#samples = samples;
    this.#step_ms = step_s * 1000;
    this.#now = Date.parse(samples.at(-1)?.at ?? "") || Date.now();
    this.#pointed = live ? Math.max(0, samples.findIndex(({ at }) => at === live)) : null;
    say(this.#message, "history.empty");
    this.#write();
  }

  clear() {
    this.#samples = [];
    this.#pointed = null;
    say(this.#message, "history.loading");
    this.#write();
  }

  failed() {
    if (this.#samples.length) return;
    say(this.#message, "history.error");
  }

  #write() {
    const some = this.#samples.length > 1;
    this.#message.hidden = some;
    for (const part of [this.#plot, this.#legend, this.#summary, this.#details]) part.toggleAttribute("hidden", !some);
    if (!some) return this.#readout.replaceChildren();
    const away = this.#samples.filter(({ state }) => state !== "live").length / this.#samples.length;
    const live = this.#samples.filter(({ state }) => state === "live");
    say(this.#summary, "history.summary", {
      count: Math.max(1, Math.round((this.#samples.length * this.#step_ms) / MINUTE_MS)),
      frames: mean(live.map((sample) => sample.frames_per_second)),
      looks: mean(live.map((sample) => sample.looks_per_second)),
      away: percent(away),
    });
    this.#body.replaceChildren(...rows(this.#samples, ROW_SAMPLES).reverse().map((row) => this.#row(row)));
    this.#draw();
  }

  /** @param {ReturnType<typeof rows>[number]} row */
  #row({ at, state, frames, looks, delay }) {
    const live = state === "live";
    const cells = [t(`camera.${state}`), live ? number(frames) : "–", live ? number(looks) : "–", delay === null ? "–" : number(delay, 0)];
    return h("tr", {}, h("th", { scope: "row" }, clock(new Date(at))), ...cells.map((text) => h("td", {}, text)));
  }

  #draw() {
    const width = this.#plot.clientWidth;
    if (!width || this.#samples.length < 2) return;
    const size = Number.parseFloat(getComputedStyle(this.#plot).fontSize);
    /** @type {Frame} */
    const upper = { left: size * 3.6, top: size * 1.8, width: width - size * 4.2, height: size * 8 };
    const lower = { ...upper, top: upper.top + upper.height + size * 3, height: size * 5 };
    const height = lower.top + lower.height + size * 2;
    this.#plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#plot.style.setProperty("height", `${height}px`);
    const minutes = SPANS_MIN.find(([most = 0]) => this.#samples.length * this.#step_ms <= most * MINUTE_MS) ?? SPANS_MIN.at(-1) ?? [];
    const span_ms = (minutes[0] ?? 60) * MINUTE_MS;
    this.#places = this.#samples.map(({ at }) => across(Date.parse(at), this.#now, span_ms, upper));
    const step = (upper.width * this.#step_ms) / span_ms;
    const rates = this.#samples.map((sample) => (sample.state === "live" ? sample : null));
    const most = roundUp(Math.max(1, ...this.#samples.map(({ frames_per_second, looks_per_second }) => Math.max(frames_per_second, looks_per_second))));
    const slowest = roundUp(Math.max(10, ...this.#samples.map(({ delay_ms }) => delay_ms ?? 0)));
    const shades = bands(this.#samples, this.#places, step).flatMap((band) => [shade(band, upper), shade(band, lower)]);
    this.#plot.replaceChildren(
      hatch(),
      ...axis(upper, most, t("history.rates"), size),
      ...axis(lower, slowest, t("history.delay"), size),
      ...shades,
      svg("path", { class: "plot-line plot-frames", d: line(rates.map((sample) => sample?.frames_per_second ?? null), this.#places, most, upper) }),
      svg("path", { class: "plot-line plot-looks", d: line(rates.map((sample) => sample?.looks_per_second ?? null), this.#places, most, upper) }),
      svg("path", { class: "plot-line plot-delay", d: line(rates.map((sample) => sample?.delay_ms ?? null), this.#places, slowest, lower) }),
      ...ticks(minutes, lower, size),
      this.#cursor,
    );
    this.#cursor.setAttribute("y1", String(upper.top));
    this.#cursor.setAttribute("y2", String(lower.top + lower.height));
    this.#point(this.#pointed);
  }

  /** @param {PointerEvent} event */
  #pointAt(event) {
    const x = event.clientX - this.#plot.getBoundingClientRect().left;
    let nearest = 0;
    this.#places.forEach((place, index) => {
      if (Math.abs(place - x) < Math.abs((this.#places[nearest] ?? 0) - x)) nearest = index;
    });
    this.#point(nearest);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const last = this.#samples.length - 1;
    const here = this.#pointed ?? last;
    /** @type {Record<string, number>} */
    const there = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, PageDown: here - 30, PageUp: here + 30, Home: 0, End: last };
    const place = there[event.key];
    if (place === undefined) return;
    event.preventDefault();
    this.#point(Math.min(Math.max(place, 0), last));
  }

  /** @param {number | null} index */
  #point(index) {
    this.#pointed = index;
    const sample = this.#samples[index ?? -1];
    this.#cursor.toggleAttribute("hidden", !sample);
    const place = String(this.#places[index ?? -1] ?? 0);
    this.#cursor.setAttribute("x1", place);
    this.#cursor.setAttribute("x2", place);
    this.#readout.textContent = sample ? words(sample) : "";
    this.#plot.setAttribute("aria-valuemin", "0");
    this.#plot.setAttribute("aria-valuemax", String(this.#samples.length - 1));
    this.#plot.setAttribute("aria-valuenow", String(index ?? this.#samples.length - 1));
    const said = sample ?? this.#samples.at(-1);
    if (said) this.#plot.setAttribute("aria-valuetext", words(said));
  }
}

/** @param {Sample} sample */
function words({ at, state, frames_per_second: frames, looks_per_second: looks, delay_ms }) {
  const time = new Date(at);
  if (state !== "live") return t("history.point.away", { time, state: t(`camera.${state}`) });
  const delay = delay_ms === null ? t("history.delay.none") : `${number(delay_ms, 0)} ms`;
  return t("history.point", { time, frames, looks, delay });
}

/** @param {number} value @param {number} [digits] */
function number(value, digits = 1) {
  return new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** @param {Frame} frame @param {number} most @param {string} title @param {number} size */
function axis({ left, top, width, height }, most, title, size) {
  const name = svg("text", { class: "plot-text plot-name", x: 0, y: top - size * 0.7 });
  name.textContent = title;
  const parts = [0, 0.5, 1].flatMap((share) => {
    const y = top + height * (1 - share);
    const text = svg("text", { class: "plot-text", x: left - size * 0.5, y: y + size * 0.35, "text-anchor": "end" });
    text.textContent = new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(most * share);
    return [svg("line", { class: "plot-grid", x1: left, x2: left + width, y1: y, y2: y }), text];
  });
  return [name, ...parts];
}

/** @param {number[]} minutes ago, the longest first @param {Frame} frame @param {number} size */
function ticks(minutes, frame, size) {
  const [longest = 60] = minutes;
  const few = frame.width < 34 * size ? minutes.filter((count) => count === longest || count === 0 || count * 2 === longest) : minutes;
  return few.map((count) => {
    const x = across(-count * MINUTE_MS, 0, longest * MINUTE_MS, frame);
    const text = svg("text", { class: "plot-text", x, y: frame.top + frame.height + size * 1.5, "text-anchor": count === longest ? "start" : count ? "middle" : "end" });
    text.textContent = count ? t("history.ago", { count }) : t("history.now");
    return text;
  });
}

/** @param {import("../fleet/plot.js").Band} band @param {Frame} frame */
function shade({ kind, from, to }, { left, top, height }) {
  const x = Math.max(from, left);
  return svg("rect", { class: `plot-${kind}`, x, y: top, width: Math.max(1, to - x), height });
}

/** Times when the camera was away are hatched: they differ without colour too. */
function hatch() {
  const stripe = svg("path", { d: "M-1 7L7 -1M-1 1L1 -1M5 7L7 5", class: "plot-stripe" });
  return svg("defs", {}, svg("pattern", { id: "plot-hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" }, svg("rect", { width: 6, height: 6, class: "plot-hatch-ground" }), stripe));
}

// <vigie-score>: how sure the model was, look by look, and where it saw it: a plot, a small map over the key frame, a table.
import { h, svg } from "../dom.js";
import { across, line } from "../fleet/plot.js";
import { language, languages, percent, say, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */
/** @typedef {import("../types.js").PathPoint} PathPoint */
/** @typedef {import("../fleet/plot.js").Frame} Frame */

const GAP_S = 0.8; // a line over a longer one would tell of looks that never were
const STEPS_S = [0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

export class VigieScore extends HTMLElement {
  #readout = h("p", { class: "plot-readout", testid: "score-readout" });
  #plot = svg("svg", { class: "plot score-plot", role: "slider", tabindex: 0, "data-testid": "score-plot" });
  #cursor = svg("line", { class: "plot-cursor" });
  #dot = svg("circle", { class: "score-dot", r: 5 });
  #map = svg("svg", { class: "map", role: "img", "data-testid": "path-map", preserveAspectRatio: "xMidYMid meet" });
  #mapPicture = svg("image", { class: "map-picture" });
  #mapBox = svg("rect", { class: "map-box" });
  #empty = h("p", { class: "hint", t: "score.none" });
  #hint = h("p", { class: "hint", t: "score.hint" });
  #legend = h("div", { class: "plot-legend" });
  #body = h("tbody");
  #table = h("details", { class: "plot-table" }, h("summary", { t: "history.table" }));
  #content = h(
    "div",
    { class: "score-content" },
    h("div", { class: "score-main" }, this.#legend, this.#plot),
    h("figure", { class: "map-figure" }, this.#map, h("figcaption", { class: "hint", t: "score.path" })),
  );
  /** @type {FullEvent | null} */
  #event = null;
  /** @type {number | null} the median score the policy asked for */
  #threshold = null;
  #pictureUrl = "";
  /** @type {number[]} */
  #places = [];
  /** @type {number | null} */
  #pointed = null;
  #told = "";

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "score-card");
    const head = h("tr", {}, ...(/** @type {const} */ (["time", "score"])).map((name) => h("th", { scope: "col", t: `score.table.${name}` })));
    this.#table.append(h("div", { class: "table-wrap" }, h("table", {}, h("thead", {}, head), this.#body)));
    this.append(h("div", { class: "card-head" }, h("h2", { class: "card-title", t: "score.title" }), this.#readout), this.#empty, this.#content, this.#hint, this.#table);
    say(this.#plot, "score.slider", {}, "aria-label");
    new ResizeObserver(() => this.#draw()).observe(this);
    languages.on("change", () => this.#write());
    this.#plot.addEventListener("pointermove", (event) => this.#point(this.#nearest(event), false));
    this.#plot.addEventListener("pointerdown", (event) => this.#point(this.#nearest(event), true));
    this.#plot.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.#point(null, false));
    this.#plot.addEventListener("keydown", (event) => this.#pressed(event));
    this.#plot.addEventListener("blur", () => this.#point(null, false));
  }

  /** @param {FullEvent} event @param {number | null} threshold @param {string} pictureUrl of the clean key frame, or empty */
  show(event, threshold, pictureUrl) {
    const told = `${event.id} ${event.path.length} ${event.confirmed_at} ${event.ended_at} ${threshold} ${pictureUrl}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#event = event;
    this.#threshold = threshold;
    this.#pictureUrl = pictureUrl;
    this.#write();
  }

  /** Where the clip is. @param {number | null} seconds since first seen; null: no clip is shown */
  set moment(seconds) {
    const path = this.#path;
    if (this.#pointed !== null || path.length < 2) return;
    const inside = seconds !== null && seconds >= -0.05 && seconds <= (path.at(-1)?.at ?? 0) + 0.5;
    this.#mark(inside ? nearest(path.map(({ at }) => at), seconds) : null);
  }

  get #path() {
    return this.#event?.path ?? [];
  }

  #write() {
    const event = this.#event;
    if (!event || !this.childElementCount) return;
    const some = this.#path.length > 1;
    this.#empty.hidden = some;
    this.#content.hidden = this.#table.hidden = !some;
    this.#legend.replaceChildren(
      h("span", { class: "key key-looks", t: "score.legend.score" }),
      h("span", { class: "key key-confirmed", t: "score.legend.confirmed", hidden: !event.confirmed_at }),
      ...(this.#threshold === null ? [] : [h("span", { class: "key key-threshold" }, t("score.legend.threshold", { score: percent(this.#threshold) }))]),
    );
    this.#body.replaceChildren(...this.#path.map(row));
    this.#drawMap(event);
    this.#draw();
  }

  #draw() {
    const width = this.#plot.clientWidth;
    const event = this.#event;
    const path = this.#path;
    if (!width || !event || path.length < 2) return;
    const size = Number.parseFloat(getComputedStyle(this.#plot).fontSize);
    /** @type {Frame} */
    const frame = { left: size * 3.4, top: size * 0.8, width: width - size * 4.4, height: size * 10.5 };
    const height = frame.top + frame.height + size * 2.2;
    this.#plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#plot.style.setProperty("height", `${height}px`);
    const confirmed = event.confirmed_at ? (Date.parse(event.confirmed_at) - Date.parse(event.first_seen)) / 1000 : null;
    const span = Math.max(0.2, path.at(-1)?.at ?? 0, confirmed ?? 0);
    const place = (/** @type {number} */ at) => across(at, span, span, frame);
    this.#places = path.map(({ at }) => place(at));
    /** @type {(number | null)[]} */
    const scores = [];
    /** @type {number[]} */
    const places = [];
    path.forEach(({ at, score }, index) => {
      if (index && at - (path[index - 1]?.at ?? at) > GAP_S) {
        scores.push(null);
        places.push(place(at));
      }
      scores.push(score);
      places.push(place(at));
    });
    const level = (/** @type {number} */ score) => frame.top + frame.height * (1 - score);
    const few = path.length <= 60;
    this.#plot.replaceChildren(
      ...levels(frame, size),
      ...moments(span, frame, size, place),
      ...(this.#threshold === null ? [] : [thresholdLine(frame, level(this.#threshold))]),
      ...(confirmed === null ? [] : [confirmationLine(frame, place(confirmed))]),
      svg("path", { class: "plot-line plot-looks", d: line(scores, places, 1, frame) }),
      ...(few ? path.map(({ score }, index) => svg("circle", { class: "score-look", r: 2.5, cx: this.#places[index] ?? 0, cy: level(score) })) : []),
      this.#cursor,
      this.#dot,
    );
    this.#cursor.setAttribute("y1", String(frame.top));
    this.#cursor.setAttribute("y2", String(frame.top + frame.height));
    this.#levelOf = level;
    this.#mark(this.#pointed);
  }

  /** @type {(score: number) => number} */
  #levelOf = () => 0;

  /** @param {FullEvent} event */
  #drawMap({ image: { width, height }, path, camera }) {
    const unit = width / 100;
    const middles = path.map(({ box: { x1, y1, x2, y2 } }) => `${((x1 + x2) / 2).toFixed(1)} ${((y1 + y2) / 2).toFixed(1)}`);
    const [first = "0 0"] = middles;
    const [x = "0", y = "0"] = first.split(" ");
    this.#map.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#map.style.setProperty("--unit", `${unit}px`);
    if (this.#pictureUrl) this.#mapPicture.setAttribute("href", this.#pictureUrl);
    else this.#mapPicture.removeAttribute("href");
    for (const [name, value] of Object.entries({ width, height })) this.#mapPicture.setAttribute(name, String(value));
    this.#map.replaceChildren(
      this.#mapPicture,
      svg("path", { class: "map-shade", d: `M${middles.join("L")}` }),
      svg("path", { class: "map-line", d: `M${middles.join("L")}` }),
      svg("circle", { class: "map-start", cx: x, cy: y, r: unit * 1.6 }),
      this.#mapBox,
    );
    say(this.#map, "score.path.label", { camera }, "aria-label");
  }

  /** @param {PointerEvent} event */
  #nearest(event) {
    return nearest(this.#places, event.clientX - this.#plot.getBoundingClientRect().left);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const last = this.#path.length - 1;
    const here = this.#pointed ?? 0;
    /** @type {Record<string, number>} */
    const there = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, PageDown: here - 10, PageUp: here + 10, Home: 0, End: last };
    const place = there[event.key];
    if (place === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#point(Math.min(Math.max(place, 0), last), true);
  }

  /** @param {number | null} index @param {boolean} seek whether the clip is to go there */
  #point(index, seek) {
    this.#pointed = index;
    this.#mark(index);
    const point = this.#path[index ?? -1];
    if (seek && point) this.dispatchEvent(new CustomEvent("seek", { detail: point.at }));
  }

  /** @param {number | null} index */
  #mark(index) {
    const point = this.#path[index ?? -1];
    for (const part of [this.#cursor, this.#dot, this.#mapBox]) part.toggleAttribute("hidden", !point);
    this.#readout.textContent = point ? words(point) : "";
    const said = point ?? this.#path.at(-1);
    this.#plot.setAttribute("aria-valuemin", "0");
    this.#plot.setAttribute("aria-valuemax", String(Math.max(0, this.#path.length - 1)));
    this.#plot.setAttribute("aria-valuenow", String(index ?? this.#path.length - 1));
    if (said) this.#plot.setAttribute("aria-valuetext", words(said));
    if (!point) return;
    const x = String(this.#places[index ?? 0] ?? 0);
    const { x1, y1, x2, y2 } = point.box;
    put(this.#cursor, { x1: x, x2: x });
    put(this.#dot, { cx: x, cy: String(this.#levelOf(point.score)) });
    put(this.#mapBox, { x: String(x1), y: String(y1), width: String(x2 - x1), height: String(y2 - y1) });
  }
}

/** @param {SVGElement} element @param {Record<string, string>} attributes */
function put(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

/** @param {PathPoint} point */
function words({ at, score }) {
  return t("score.point", { seconds: seconds(at), score: percent(score) });
}

/** @param {PathPoint} point */
function row({ at, score }) {
  return h("tr", {}, h("th", { scope: "row" }, t("score.at", { seconds: seconds(at) })), h("td", {}, percent(score)));
}

/** @param {number[]} places @param {number} place */
function nearest(places, place) {
  let found = 0;
  places.forEach((other, index) => {
    if (Math.abs(other - place) < Math.abs((places[found] ?? 0) - place)) found = index;
  });
  return found;
}

/** @param {number} value */
function seconds(value) {
  return new Intl.NumberFormat(language(), { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);
}

/** @param {Frame} frame @param {number} size */
function levels({ left, top, width, height }, size) {
  return [0, 0.5, 1].flatMap((share) => {
    const y = top + height * (1 - share);
    const text = svg("text", { class: "plot-text", x: left - size * 0.5, y: y + size * 0.35, "text-anchor": "end" });
    text.textContent = percent(share);
    return [svg("line", { class: "plot-grid", x1: left, x2: left + width, y1: y, y2: y }), text];
  });
}

/** The median that was asked for. @param {Frame} frame @param {number} y */
function thresholdLine({ left, width }, y) {
  return svg("line", { class: "score-threshold", x1: left, x2: left + width, y1: y, y2: y });
}

/** The moment of the confirmation. @param {Frame} frame @param {number} x */
function confirmationLine({ top, height }, x) {
  return svg("line", { class: "score-confirmed", x1: x, x2: x, y1: top, y2: top + height });
}

/** @param {number} span seconds @param {Frame} frame @param {number} size @param {(at: number) => number} place */
function moments(span, frame, size, place) {
  const most = Math.max(2, Math.floor(frame.width / (size * 5)));
  const step = STEPS_S.find((one) => span / one <= most) ?? span;
  const digits = step < 1 ? 1 : 0;
  return Array.from({ length: Math.floor(span / step + 1e-6) + 1 }, (_, index) => index * step).map((at) => {
    const anchor = at === 0 ? "start" : place(at) > frame.left + frame.width - size * 2 ? "end" : "middle";
    const text = svg("text", { class: "plot-text", x: place(at), y: frame.top + frame.height + size * 1.6, "text-anchor": anchor });
    text.textContent = t("score.at", { seconds: new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(at) });
    return text;
  });
}

// <vigie-evidence>: what was recorded of one event: its picture, the three seconds around the confirmation, the clip.
import { drawBoxes, textScale } from "../boxes/draw.js";
import { h, icon } from "../dom.js";
import { beginningOf, foundAt, looksOf } from "../events/detections.js";
import { ClipPlayer } from "../events/player.js";
import { known, say } from "../i18n/i18n.js";
import { recall, remember } from "../settings.js";
import { VigieClipBar } from "./vigie-clip-bar.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */
/** @typedef {import("../types.js").Box} Box */
/** @typedef {import("../events/detections.js").Look} Look */
/** @typedef {"picture" | "moment" | "clip"} View */

/** @type {View[]} */
const VIEWS = ["picture", "moment", "clip"];
const LOOP_S = 3;
const PRE_ROLL_S = 5; // where nothing tells when the clip began
const CLOSE = { share: 0.45, most: 6 };

export class VigieEvidence extends HTMLElement {
  #api;
  #picture = h("img", { class: "ev-layer", testid: "key-frame", hidden: true });
  #video = h("video", { class: "ev-layer", testid: "clip", label: "clip.video", playsinline: true, preload: "auto", hidden: true });
  #canvas = h("canvas", { class: "ev-layer ev-boxes", testid: "clip-boxes", "aria-hidden": "true", hidden: true });
  #layers = h("div", { class: "ev-layers" }, this.#picture, this.#video, this.#canvas);
  #symbol = h("div", { class: "panel-icon" });
  #title = h("p", { class: "panel-title", testid: "evidence-title" });
  #text = h("p", { class: "panel-text" });
  #offer = h("a", { class: "button is-compact", testid: "clip-offer", download: true, hidden: true }, icon("download"), h("span", { t: "evidence.download.clip" }));
  #panel = h("div", { class: "panel", role: "status", hidden: true }, this.#symbol, h("div", {}, this.#title, this.#text));
  #frame = h("div", { class: "ev-frame" }, this.#layers, this.#panel);
  #player = new ClipPlayer(this.#video);
  #bar = new VigieClipBar(this.#player);
  #views = h("div", { class: "segments ev-views", role: "radiogroup", label: "evidence.view" });
  #boxes = tool("evidence.boxes", "frame", "boxes-on");
  #close = tool("evidence.close-up", "zoom", "close-up");
  #full = h("button", { class: "icon-button", type: "button", testid: "evidence-full", label: "evidence.full", hint: "evidence.full" }, icon("expand"));
  #note = h("p", { class: "hint ev-note", role: "status", testid: "evidence-note", hidden: true });
  /** @type {Map<View, HTMLInputElement>} */
  #inputs = new Map();
  /** @type {FullEvent | null} */
  #event = null;
  /** @type {View} */
  #view = "picture";
  #chosen = false;
  #begun = false;
  #unplayable = false;
  #withBoxes = recall("evidence.boxes") !== "off";
  #near = false;
  /** @type {Look[] | null} */
  #looks = null;
  /** What time it was when the clip begins, unix seconds. @type {number | null} */
  #began = null;
  /** @type {string | undefined} */
  #opened;
  #asking = new AbortController();

  /** @param {import("../events/events-api.js").EventsApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("evidence");
    this.#video.muted = true;
    for (const view of VIEWS) this.#views.append(...this.#option(view));
    const tools = h("div", { class: "ev-tools" }, this.#views, this.#boxes, this.#close, this.#note, this.#offer, this.#full);
    this.append(h("div", { class: "ev-stage" }, this.#frame, this.#bar), tools);
    this.#boxes.onclick = () => this.toggleBoxes();
    this.#close.onclick = () => this.toggleClose();
    this.#full.onclick = () => this.#fill();
    this.#video.onclick = () => this.#player.toggle();
    this.#player.on("moment", (moment) => this.#presented(moment));
    this.#player.on("state", () => this.#event && this.#arrange());
    this.#player.on("unplayable", () => {
      this.#unplayable = true;
      this.#write();
    });
    new ResizeObserver(() => this.#presented(this.#player.time)).observe(this.#frame);
  }

  /** @param {FullEvent | null} event null when the page shows something else */
  set event(event) {
    if (event?.id !== this.#event?.id) this.#restart();
    this.#event = event;
    if (event) this.#write();
  }

  close() {
    this.event = null;
  }

  /** @param {View} view */
  choose(view) {
    if (!this.#may(view)) return;
    this.#chosen = true;
    this.#become(view);
    if (view !== "picture") this.#player.play();
  }

  toggleBoxes() {
    this.#withBoxes = !this.#withBoxes;
    this.#chosen = true;
    remember("evidence.boxes", this.#withBoxes ? null : "off");
    this.#write();
  }

  toggleClose() {
    this.#near = !this.#near;
    this.#chosen = true;
    this.#write();
  }

  togglePlay() {
    if (this.#view !== "picture") this.#player.toggle();
    else if (this.#may("moment")) this.choose("moment");
  }

  /** @param {1 | -1} step one picture back or on */
  step(step) {
    if (this.#view !== "picture") this.#bar.step(step);
  }

  /** @param {number} seconds since it was first seen */
  seek(seconds) {
    if (!this.#may("clip") || !this.#opened) return;
    if (this.#view === "picture" || this.#view === "moment") this.#become("clip");
    this.#chosen = true;
    this.#player.pause();
    this.#player.seek(this.#first + seconds);
  }

  #restart() {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#player.close();
    this.#picture.removeAttribute("src");
    this.#view = "picture";
    this.#chosen = this.#begun = this.#unplayable = this.#near = false;
    this.#looks = this.#began = null;
    this.#opened = undefined;
    this.#canvas.width = 0;
  }

  /** @param {string} name */
  #has(name) {
    return this.#event?.evidence?.files.some((file) => file.name === name) ?? false;
  }

  /** @param {View} view */
  #may(view) {
    if (view === "picture") return this.#has("clean.jpg") || this.#has("annotated.jpg");
    return this.#has("clip.mp4") && !this.#unplayable && (view === "clip" || Boolean(this.#event?.confirmed_at));
  }

  /** Where on the clip it was first seen, in seconds. */
  get #first() {
    const event = this.#event;
    if (!event || this.#began === null) return Math.min(PRE_ROLL_S, this.#player.duration);
    return Math.max(0, Date.parse(event.first_seen) / 1000 - this.#began);
  }

  #write() {
    const event = this.#event;
    if (!event) return;
    this.#frame.style.setProperty("--ratio", String(event.image.width / event.image.height || 16 / 9));
    if (this.#has("clip.mp4") && this.#opened !== event.id) this.#open(event);
    for (const [view, input] of this.#inputs) input.disabled = !this.#may(view);
    if (!this.#chosen || !this.#may(this.#view)) this.#become(VIEWS.find((view) => view === "moment" && this.#may(view)) ?? "picture");
    else this.#become(this.#view);
    if (this.#begun || this.#view !== "moment") return;
    this.#begun = true;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.#player.play();
  }

  /** @param {FullEvent} event */
  #open(event) {
    this.#opened = event.id;
    const { signal } = this.#asking;
    this.#player.open(this.#api.fileUrl(event.id, "clip.mp4"));
    const looks = this.#has("detections.jsonl") ? this.#api.detections(event.id, signal).catch(() => "") : Promise.resolve("");
    void looks.then((text) => {
      if (signal.aborted) return;
      this.#looks = looksOf(text);
      this.#began = beginningOf(text);
      this.#arrange();
      this.#presented(this.#player.time);
    });
  }

  /** @param {View} view */
  #become(view) {
    this.#view = view;
    this.dataset.view = view;
    const input = this.#inputs.get(view);
    if (input) input.checked = true;
    const moving = view !== "picture";
    const pictured = !moving && this.#may("picture");
    this.#video.hidden = this.#canvas.hidden = !moving;
    this.#picture.hidden = !pictured;
    this.#bar.hidden = !moving;
    if (pictured) this.#showPicture();
    if (!moving) this.#player.pause();
    press(this.#boxes, this.#withBoxes);
    press(this.#close, this.#near);
    this.#views.hidden = this.#boxes.hidden = this.#close.hidden = this.#full.hidden = !moving && !pictured;
    this.toggleAttribute("data-empty", !moving && !pictured);
    this.#writeWords(moving || pictured);
    this.#arrange();
    this.#approach(this.#event?.box);
    this.#presented(this.#player.time);
    if (!moving) this.dispatchEvent(new CustomEvent("moment", { detail: null }));
  }

  #showPicture() {
    const event = this.#event;
    const name = this.#withBoxes && this.#has("annotated.jpg") ? "annotated.jpg" : "clean.jpg";
    if (!event) return;
    const url = this.#api.fileUrl(event.id, name);
    if (this.#picture.src !== url) this.#picture.src = url;
    say(this.#picture, this.#withBoxes ? "evidence.picture.boxes" : "evidence.picture.clean", { camera: event.camera }, "alt");
  }

  /** What is repeated, and the marks, once the clip's length and its boxes are known. */
  #arrange() {
    const event = this.#event;
    const { duration } = this.#player;
    if (!event || !duration) return;
    const first = this.#first;
    const since = (/** @type {string | null} */ at) => (at ? first + (Date.parse(at) - Date.parse(event.first_seen)) / 1000 : -1);
    const confirmed = since(event.confirmed_at);
    const from = Math.max(0, Math.min(confirmed - LOOP_S / 2, duration - LOOP_S));
    const part = this.#view === "moment" ? { from, to: Math.min(duration, from + LOOP_S) } : null;
    const held = this.#player.part;
    if (part?.from !== held?.from || part?.to !== held?.to) {
      this.#player.part = part;
      this.#bar.marks = [{ at: first, kind: "seen" }, { at: confirmed, kind: "confirmed" }, { at: since(event.last_seen), kind: "ended" }];
    }
  }

  /** In words what is not there, or not yet. @param {boolean} shown whether a picture is */
  #writeWords(shown) {
    const event = this.#event;
    const state = event?.evidence?.state ?? "none";
    const why = this.#unplayable && this.#has("clip.mp4") ? "unplayable" : state;
    this.#note.hidden = !shown || (why !== "unplayable" && why !== "writing");
    if (!this.#note.hidden) say(this.#note, why === "writing" ? "evidence.writing.note" : "evidence.unplayable.note");
    this.#panel.hidden = shown;
    this.#offer.hidden = why !== "unplayable";
    if (event && why === "unplayable") this.#offer.href = this.#api.downloadUrl(event.id, "clip.mp4");
    if (shown) return;
    const reason = event?.confirmed_at || why !== "none" ? why : "suspected";
    this.#symbol.replaceChildren(reason === "writing" ? h("span", { class: "spinner" }) : icon(reason === "stopped" ? "warning" : "picture"));
    const title = `evidence.${reason}.title`;
    const text = `evidence.${reason}.text`;
    say(this.#title, known(title) ? title : "evidence.none.title");
    say(this.#text, known(text) ? text : "evidence.none.text");
  }

  /** The close-up: the same place of every layer, so that boxes stay where they belong. @param {Box} [box] in its middle */
  #approach(box) {
    const event = this.#event;
    if (!event || !box) return;
    const { width, height } = event.image;
    const boxes = this.#view === "picture" ? [event.box] : [event.box, ...event.path.map((point) => point.box)];
    const wide = Math.max(...boxes.map(({ x1, x2 }) => x2 - x1)) / width;
    const tall = Math.max(...boxes.map(({ y1, y2 }) => y2 - y1)) / height;
    const scale = this.#near ? Math.min(CLOSE.most, Math.max(1, CLOSE.share / Math.max(wide, tall, 0.01))) : 1;
    const shift = (/** @type {number} */ middle) => Math.min(0, Math.max(1 - scale, 0.5 - scale * middle));
    const { style } = this.#layers;
    style.setProperty("--scale", String(scale));
    style.setProperty("--x", `${shift((box.x1 + box.x2) / 2 / width) * 100}%`);
    style.setProperty("--y", `${shift((box.y1 + box.y2) / 2 / height) * 100}%`);
    this.#layers.dataset.scale = String(scale);
  }

  /** @param {number} moment of the clip's picture on the screen */
  #presented(moment) {
    const event = this.#event;
    if (!event || this.#view === "picture") return;
    const since = moment - this.#first;
    this.dispatchEvent(new CustomEvent("moment", { detail: since }));
    if (this.#near) this.#approach(nearestBox(event, since));
    const context = this.#canvas.getContext("2d");
    const { clientWidth, clientHeight } = this.#frame;
    if (!context || !clientWidth) return;
    const unit = devicePixelRatio;
    const [width, height] = [Math.round(clientWidth * unit), Math.round(clientHeight * unit)];
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    context.clearRect(0, 0, width, height);
    if (!this.#withBoxes || !this.#looks) return;
    const confirmed = event.confirmed_at ? this.#first + (Date.parse(event.confirmed_at) - Date.parse(event.first_seen)) / 1000 : Infinity;
    /** @type {import("../types.js").Standing} */
    const own = moment >= confirmed - 0.001 ? "confirmed" : "suspected";
    const found = foundAt(this.#looks, moment).map(({ box: [x1, y1, x2, y2], score, label, track_id }) => ({
      label,
      confidence: score,
      box: { x1: x1 * width, y1: y1 * height, x2: x2 * width, y2: y2 * height },
      state: track_id === event.track_id ? own : /** @type {const} */ ("seen"),
    }));
    this.#canvas.dataset.count = String(found.length);
    drawBoxes(context, found, { scale: 1, unit: (unit * textScale()) / Number(this.#layers.dataset.scale ?? 1) });
  }

  #fill() {
    if (document.fullscreenElement === this) void document.exitFullscreen();
    else void this.requestFullscreen?.().catch(() => {});
  }

  /** @param {View} view */
  #option(view) {
    const id = `evidence-${view}`;
    const input = h("input", { type: "radio", name: "evidence-view", id, value: view, class: "segment-input", testid: id });
    input.onchange = () => this.choose(view);
    this.#inputs.set(view, input);
    return [input, h("label", { class: "segment", for: id, t: `evidence.view.${view}`, hint: `evidence.view.${view}.hint` })];
  }
}

/** @param {import("../i18n/i18n.js").Key} key @param {string} symbol @param {string} testid */
function tool(key, symbol, testid) {
  return h("button", { class: "button is-compact ev-tool", type: "button", testid, hint: key }, icon(symbol), h("span", { t: key }));
}

/** @param {Element} button @param {boolean} on */
function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

/** Where it was then, or at the nearest look. @param {FullEvent} event @param {number} since seconds after it was first seen */
function nearestBox({ path, box }, since) {
  const [first] = path;
  if (!first) return box;
  return path.reduce((best, point) => (Math.abs(point.at - since) < Math.abs(best.at - since) ? point : best), first).box;
}

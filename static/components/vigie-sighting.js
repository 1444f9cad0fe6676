// <vigie-sighting>: one event of the timeline: its picture, where, when, how sure, and what a person said of it.
import { h, icon } from "../dom.js";
import { clock, percent, quote, say } from "../i18n/i18n.js";
import { duration, isOpen, isSighting, kindName, lasted, stateWord } from "../events/words.js";
import { serverNow } from "../fleet/server-clock.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */

/** @type {Record<string, string>} */
const MARKS = { real: "warning", false: "undo", unsure: "question" };
const THUMB = "thumb.jpg";

export class VigieSighting extends HTMLElement {
  #api;
  #event;
  #picture = h("img", { class: "sighting-picture", alt: "", loading: "lazy", decoding: "async", hidden: true });
  #none = h("span", { class: "sighting-none" }, icon("picture"), h("span"));
  #chip = h("span", { class: "chip" });
  #time = h("time", { class: "sighting-time" });
  #mark = h("span", { class: "mark", hidden: true });
  #camera = h("span", { class: "sighting-camera" });
  #kind = h("span", { class: "sighting-kind" });
  #score = h("span");
  #lasted = h("span");
  #link = h(
    "a",
    { class: "sighting-link" },
    h("span", { class: "sighting-view" }, this.#picture, this.#none),
    h(
      "span",
      { class: "sighting-words" },
      h("span", { class: "sighting-line" }, this.#chip, this.#time),
      h("span", { class: "sighting-where" }, this.#camera, this.#kind, this.#mark),
      h("span", { class: "sighting-facts" }, this.#score, this.#lasted),
    ),
  );
  #broken = "";

  /** @param {import("../events/events-api.js").EventsApi} api @param {VigieEvent} event */
  constructor(api, event) {
    super();
    this.#api = api;
    this.#event = event;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("sighting");
    this.setAttribute("role", "listitem");
    this.dataset.testid = "sighting";
    this.dataset.id = this.#event.id;
    this.#link.href = `#event/${encodeURIComponent(this.#event.id)}`;
    this.append(this.#link);
    this.#picture.onerror = () => {
      this.#broken = this.#picture.src;
      this.#writePicture();
    };
    this.#write();
  }

  /** @param {VigieEvent} event */
  set event(event) {
    this.#event = event;
    if (this.childElementCount) this.#write();
  }

  get event() {
    return this.#event;
  }

  get link() {
    return this.#link;
  }

  /** The visitor's language is another. */
  again() {
    this.#write();
  }

  /** Lets the time of what goes on grow. */
  tick() {
    if (isOpen(this.#event)) this.#writeLasted();
  }

  #write() {
    const event = this.#event;
    this.dataset.state = event.state;
    this.dataset.verdict = event.verdict ?? "";
    this.classList.toggle("was-confirmed", event.confirmed_at !== null);
    say(this.#chip, stateWord(event));
    this.#time.dateTime = event.first_seen;
    this.#time.textContent = clock(new Date(event.first_seen));
    quote(this.#camera, isSighting(event) ? event.camera : kindName(event));
    quote(this.#kind, isSighting(event) ? kindName(event) : event.camera);
    this.#score.hidden = !isSighting(event);
    say(this.#score, "event.score", { score: percent(event.best_score) });
    this.#mark.hidden = !event.verdict;
    if (event.verdict && this.#mark.dataset.verdict !== event.verdict) {
      this.#mark.dataset.verdict = event.verdict;
      this.#mark.replaceChildren(icon(MARKS[event.verdict] ?? "check"), h("span", { t: `verdict.${event.verdict}.mark` }));
    }
    this.#writeLasted();
    this.#writePicture();
  }

  #writeLasted() {
    const event = this.#event;
    say(this.#lasted, isOpen(event) ? "timeline.lasting" : isSighting(event) ? "timeline.lasted" : "timeline.took", { duration: duration(lasted(event, serverNow())) });
  }

  #writePicture() {
    const { id, evidence, confirmed_at } = this.#event;
    const has = evidence?.files.some(({ name }) => name === THUMB) ?? false;
    const url = has ? this.#api.fileUrl(id, THUMB) : "";
    const shown = has && url !== this.#broken;
    if (shown && this.#picture.src !== url) this.#picture.src = url;
    this.#picture.hidden = !shown;
    this.#none.hidden = shown;
    const [, word] = this.#none.children;
    if (shown || !word) return;
    if (!isSighting(this.#event)) return void this.#none.replaceChildren(icon("warning"), h("span"));
    const state = evidence === undefined && confirmed_at ? "writing" : (evidence?.state ?? "none");
    say(word, state === "writing" || state === "stopped" || state === "removed" ? `timeline.picture.${state}` : "timeline.picture.none");
  }
}

// <vigie-event>: one event with all that is known of it, for the person who has to say what it was.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { settled } from "../events/receivers.js";
import { exactly, isOpen, isSighting, kindName, stateWord } from "../events/words.js";
import { problemWords } from "../fleet/problem-words.js";
import { known, languages, quote, say } from "../i18n/i18n.js";
import { VigieEventFacts } from "./vigie-event-facts.js";
import { VigieEvidence } from "./vigie-evidence.js";
import { VigieFiles } from "./vigie-files.js";
import { VigieReceivers } from "./vigie-receivers.js";
import { VigieScore } from "./vigie-score.js";
import { VigieVerdict } from "./vigie-verdict.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */
/** @typedef {import("../types.js").VigieEvent} VigieEvent */

const UNSETTLED_MS = [500, 1000, 1000, 2000, 3000]; // something is still on its way: asked for soon, then less often
const SETTLED_MS = 30_000; // the stream tells of changes: this is for what it does not
const TICK_MS = 1000;
const NEIGHBOUR_PAGES = 20;

export class VigieEventPage extends HTMLElement {
  #api;
  #list;
  #title = h("h1", { class: "view-title", testid: "event-title", tabindex: -1 });
  #chip = h("span", { class: "chip event-word", testid: "event-state" });
  #when = h("span", { class: "hint", testid: "event-when" });
  #back = h("a", { class: "button is-compact camera-back", href: "#events", testid: "event-back" }, icon("previous"), h("span", { t: "events.title" }));
  #newer = turn("newer", "K", icon("previous"), h("span", { t: "event.newer" }), h("kbd", {}, "K"));
  #older = turn("older", "J", h("span", { t: "event.older" }), h("kbd", {}, "J"), icon("next"));
  #notice = h("p", { class: "notice", role: "alert", testid: "event-notice", hidden: true });
  #meaning = h("p", { class: "notice", testid: "event-meaning", hidden: true });
  #evidence;
  #score = new VigieScore();
  #verdict;
  #files;
  #facts;
  #receivers;
  #body = h("div", { class: "live event-body", hidden: true });
  #goneTitle = h("h2", { class: "view-title" });
  #goneText = h("p", { class: "panel-text" });
  #again = h("button", { class: "button", type: "button", t: "action.retry" });
  #goneParts = [h("div", { class: "blank-icon" }, icon("search")), this.#goneTitle, this.#goneText, this.#again];
  #gone = h("div", { class: "wall-blank timeline-blank", role: "status", testid: "event-gone", hidden: true }, ...this.#goneParts);
  #id = "";
  /** @type {FullEvent | null} */
  #event = null;
  /** @type {import("../types.js").Policies | null} */
  #policies = null;
  #asking = new AbortController();
  #rounds = 0;
  /** @type {number | undefined} */
  #timer;
  /** @type {number | undefined} */
  #pulse;

  /**
   * @param {import("../events/events-api.js").EventsApi} api
   * @param {import("../alerts/webhooks-api.js").WebhooksApi} webhooks
   * @param {import("../events/event-list.js").EventList} list
   * @param {import("../events/stream.js").EventStream} stream
   * @param {import("../fleet/fleet.js").Fleet} fleet
   */
  constructor(api, webhooks, list, stream, fleet) {
    super();
    this.#api = api;
    this.#list = list;
    this.#evidence = new VigieEvidence(api);
    this.#verdict = new VigieVerdict(api);
    this.#facts = new VigieEventFacts(fleet);
    this.#files = new VigieFiles(api);
    this.#receivers = new VigieReceivers(webhooks);
    stream.on("change", ({ data }) => data.id === this.#id && this.#soon());
    stream.on("missed", () => this.#id && this.#soon());
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("event-page");
    const turns = h("div", { class: "event-turns" }, this.#newer, this.#older);
    const head = h("div", { class: "camera-head" }, this.#back, h("div", { class: "camera-names" }, this.#title, this.#chip, this.#when), turns);
    const main = h("div", { class: "live-main" }, this.#meaning, this.#evidence, this.#score, this.#receivers);
    const side = h("div", { class: "live-side" }, this.#verdict, this.#facts, this.#files);
    this.#body.append(main, side, h("p", { class: "honest", t: "honest.live" }));
    this.append(head, this.#notice, this.#body, this.#gone);
    this.#listen();
  }

  get name() {
    return this.#event ? kindName(this.#event) : "";
  }

  /** The event that is shown; empty when the page shows something else. */
  get event() {
    return this.#id;
  }

  /** @param {string} id */
  set event(id) {
    if (id === this.#id) return;
    this.#id = id;
    this.hidden = !id;
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#event = null;
    this.#evidence.close();
    this.#verdict.event = null;
    this.#body.hidden = this.#gone.hidden = this.#notice.hidden = true;
    if (!id) return;
    this.#rounds = 0;
    this.#pulse = setInterval(() => this.#facts.tick(), TICK_MS);
    say(this.#title, "event.loading");
    this.#chip.hidden = this.#when.hidden = true;
    this.#turns();
    scrollTo({ top: 0, behavior: "instant" });
    this.#title.focus({ preventScroll: true });
    void this.#ask();
    if (this.#list.status === "idle") void this.#list.load(this.#list.filter).then(() => this.#turns());
  }

  /** Where the list is. @param {string} address */
  set back(address) {
    this.#back.href = address;
  }

  #listen() {
    this.#verdict.addEventListener("judged", (event) => this.#changed(/** @type {CustomEvent<VigieEvent>} */ (event).detail));
    this.#files.addEventListener("held", (event) => this.#changed(/** @type {CustomEvent<VigieEvent>} */ (event).detail));
    this.#receivers.addEventListener("replayed", () => this.#soon());
    this.#evidence.addEventListener("moment", (event) => (this.#score.moment = /** @type {CustomEvent<number | null>} */ (event).detail));
    this.#score.addEventListener("seek", (event) => this.#evidence.seek(/** @type {CustomEvent<number>} */ (event).detail));
    this.#newer.onclick = () => void this.#turn(-1);
    this.#older.onclick = () => void this.#turn(1);
    this.#again.onclick = () => void this.#ask();
    for (const name of /** @type {const} */ (["reload", "page", "arrive"])) this.#list.on(name, () => this.#id && this.#turns());
    addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("visibilitychange", () => !document.hidden && this.#id && this.#soon());
    languages.on("change", () => this.#event && this.#write(this.#event));
  }

  /** @param {VigieEvent} news what the server answered to a change */
  #changed(news) {
    this.#list.take(news);
    if (this.#event && news.id === this.#id) this.#write({ ...this.#event, ...news });
    this.#soon();
  }

  #soon() {
    this.#rounds = 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), 50);
  }

  async #ask() {
    const { signal } = this.#asking;
    clearTimeout(this.#timer);
    try {
      const event = await this.#api.get(this.#id, signal);
      if (signal.aborted) return;
      this.#notice.hidden = true;
      this.#event = event;
      this.#write(event);
      if (!this.#policies) void this.#askPolicies(signal);
      this.#askIn(this.#unsettled(event) ? (UNSETTLED_MS[Math.min(this.#rounds, UNSETTLED_MS.length - 1)] ?? 0) : SETTLED_MS);
      this.#rounds += 1;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#failed(error);
    }
  }

  /** @param {number} wait_ms */
  #askIn(wait_ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (document.hidden ? this.#askIn(wait_ms) : void this.#ask()), wait_ms);
  }

  /** @param {AbortSignal} signal */
  async #askPolicies(signal) {
    this.#policies = await this.#api.policies().catch(() => null);
    if (!signal.aborted && this.#event) this.#write(this.#event);
  }

  /** @param {FullEvent} event */
  #unsettled(event) {
    return event.evidence?.state === "writing" || !settled(event.deliveries) || isOpen(event);
  }

  /** @param {Problem} problem */
  #failed(problem) {
    const loaded = this.#event !== null;
    const missing = problem.status === 404 || problem.status === 400 || problem.status === 422;
    if (!missing) this.#askIn(3000);
    this.#notice.hidden = !loaded;
    if (loaded) return void (this.#notice.textContent = problemWords(problem));
    this.#gone.hidden = false;
    this.#again.hidden = missing;
    say(this.#title, missing ? "event.gone" : "state.error.title");
    say(this.#goneTitle, missing ? "event.gone" : "state.error.title");
    if (missing) say(this.#goneText, "event.gone.text");
    else quote(this.#goneText, problemWords(problem));
  }

  /** @param {FullEvent} event */
  #write(event) {
    this.#event = event;
    this.#gone.hidden = true;
    this.#body.hidden = false;
    const seen = isSighting(event);
    if (seen) say(this.#title, "event.title", { label: kindName(event), camera: event.camera });
    else quote(this.#title, kindName(event));
    this.#chip.hidden = this.#when.hidden = false;
    say(this.#chip, stateWord(event));
    this.#chip.dataset.state = event.state;
    this.#chip.classList.toggle("was-confirmed", event.confirmed_at !== null);
    this.#when.textContent = exactly(event.first_seen);
    this.#evidence.hidden = !seen;
    this.#score.hidden = !seen;
    this.#verdict.hidden = !seen;
    this.#files.hidden = !seen;
    const meaning = `event.${event.kind}`;
    this.#meaning.hidden = seen || !known(meaning);
    if (!seen && known(meaning)) this.#meaning.replaceChildren(h("span", { t: meaning }), h("span", { class: "meaning-reason", lang: "en" }, event.note ?? ""));
    if (seen) this.#evidence.event = event;
    this.#verdict.event = event;
    this.#files.event = event;
    this.#facts.event = event;
    this.#receivers.event = event;
    const clean = event.evidence?.files.some(({ name }) => name === "clean.jpg") ? this.#api.fileUrl(event.id, "clean.jpg") : "";
    this.#score.show(event, this.#threshold(event), clean);
    this.dispatchEvent(new CustomEvent("written"));
  }

  /** The median that confirmed it; null when the policy is not the same any more. @param {FullEvent} event */
  #threshold({ camera, policy }) {
    const policies = this.#policies;
    const found = [policies?.cameras[camera], policies?.default].find((one) => one?.version === policy);
    return found?.median_score ?? null;
  }

  #turns() {
    this.#newer.disabled = this.#list.beside(this.#id, -1) === null;
    this.#older.disabled = this.#list.beside(this.#id, 1) === null && !this.#list.open;
  }

  /** @param {1 | -1} step 1: older */
  async #turn(step) {
    const id = this.#id;
    for (let page = 0; step === 1 && page < NEIGHBOUR_PAGES && !this.#list.beside(id, 1) && this.#list.open; page += 1) await this.#list.more();
    const next = this.#list.beside(id, step);
    if (!next || id !== this.#id) return this.#turns();
    location.replace(`#event/${encodeURIComponent(next)}`); // Back leads to the list, not through every event looked at
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (!this.#id || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest("textarea, input:not([type=radio], [type=range]), select")) {
      if (event.key === "Escape" && target instanceof HTMLElement) target.blur();
      return;
    }
    if (!this.#act(event.key.length === 1 ? event.key.toLowerCase() : event.key, target)) return;
    event.preventDefault();
  }

  /** @param {string} key @param {Element} target @returns {boolean} whether the key meant something */
  #act(key, target) {
    const busy = target.closest("button, a, summary, [role=slider], input") !== null;
    /** @type {Record<string, () => void>} */
    const acts = {
      j: () => void this.#turn(1),
      k: () => void this.#turn(-1),
      r: () => this.#verdict.judge("real"),
      f: () => this.#verdict.judge("false"),
      u: () => this.#verdict.judge("unsure"),
      n: () => this.#verdict.focusNote(),
      b: () => this.#evidence.toggleBoxes(),
      z: () => this.#evidence.toggleClose(),
      1: () => this.#evidence.choose("picture"),
      2: () => this.#evidence.choose("moment"),
      3: () => this.#evidence.choose("clip"),
      ",": () => this.#evidence.step(-1),
      ".": () => this.#evidence.step(1),
      Escape: () => (location.hash = this.#back.hash),
    };
    if (!busy) Object.assign(acts, { " ": () => this.#evidence.togglePlay(), ArrowLeft: () => void this.#turn(-1), ArrowRight: () => void this.#turn(1) });
    if (this.#verdict.hidden) for (const none of ["r", "f", "u", "n"]) delete acts[none];
    const act = this.#event || key === "Escape" || key === "j" || key === "k" ? acts[key] : undefined;
    act?.();
    return act !== undefined;
  }
}

/** @param {"newer" | "older"} name @param {string} key @param {Node[]} parts */
function turn(name, key, ...parts) {
  return h("button", { class: "button is-compact", type: "button", testid: `event-${name}`, "aria-keyshortcuts": key }, ...parts);
}

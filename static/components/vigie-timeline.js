// <vigie-timeline>: the events, newest first, by day and hour. What arrives never moves what is being read.
import { h, icon } from "../dom.js";
import { filterOf, narrowness, queryOf } from "../events/filter.js";
import { dayName, dayOf, hourName, hourOf } from "../events/groups.js";
import { serverNow } from "../fleet/server-clock.js";
import { isSighting, kindName } from "../events/words.js";
import { problemWords } from "../fleet/problem-words.js";
import { languages, say } from "../i18n/i18n.js";
import { VigieEventFilter } from "./vigie-event-filter.js";
import { VigieSighting } from "./vigie-sighting.js";
import { VigieSignals } from "./vigie-signals.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */
/** @typedef {import("../events/filter.js").EventFilter} EventFilter */

const TOP_PX = 24;
const MOST = 1000;
const READING_MS = 4000; // a pointer at rest on a picture reads nothing any more
const TICK_MS = 1000;
const SETTLE_MS = 3000;
const AWAITED_MS = 60_000;
const MISTAKEN = "invalid-parameter"; // the filter itself, as an address may have it
const AHEAD_PX = "900px";

export class VigieTimeline extends HTMLElement {
  #api;
  #list;
  #stream;
  #fleet;
  #filter = new VigieEventFilter();
  #signals;
  #live = h("p", { class: "live-word", role: "status", testid: "stream-state" });
  #lost = h("p", { class: "notice", role: "alert", testid: "stream-lost", hidden: true, t: "timeline.lost" });
  #pill = h("button", { class: "new-pill", type: "button", testid: "new-events", hidden: true }, icon("previous"), h("span"));
  #said = h("p", { class: "visually-hidden", role: "status" });
  #days = h("div", { class: "days", testid: "timeline" });
  #blankIcon = h("div", { class: "blank-icon" });
  #blankTitle = h("h2", { class: "view-title" });
  #blankText = h("p", { class: "panel-text" });
  #blankAct = h("button", { class: "button", type: "button", testid: "timeline-act" }, h("span"));
  #blankParts = [this.#blankIcon, this.#blankTitle, this.#blankText, this.#blankAct];
  #blank = h("div", { class: "wall-blank timeline-blank", testid: "timeline-blank", role: "status", hidden: true }, ...this.#blankParts);
  #more = h("button", { class: "button", type: "button", testid: "more", t: "timeline.more" });
  #working = h("span", { class: "spinner", hidden: true });
  #failed = h("p", { class: "form-error", role: "alert", hidden: true });
  #end = h("p", { class: "hint", t: "timeline.end", hidden: true });
  #foot = h("div", { class: "timeline-foot" }, this.#failed, this.#working, this.#more, this.#end);
  /** @type {Map<string, VigieSighting>} */
  #cards = new Map();
  /** Arrived while somebody read: shown when asked for. @type {Map<string, VigieEvent>} */
  #held = new Map();
  #ahead = new IntersectionObserver((entries) => this.#near(entries), { rootMargin: AHEAD_PX });
  #shown = false;
  #scroll = 0;
  #pointed = -Infinity;
  #settled = 0;
  #query = "\n";
  /** @type {number | undefined} */
  #pulse;

  /**
   * @param {import("../events/events-api.js").EventsApi} api
   * @param {import("../events/event-list.js").EventList} list
   * @param {import("../events/stream.js").EventStream} stream
   * @param {import("../fleet/fleet.js").Fleet} fleet
   * @param {import("../events/signals.js").Signals} signals
   */
  constructor(api, list, stream, fleet, signals) {
    super();
    this.#api = api;
    this.#list = list;
    this.#stream = stream;
    this.#fleet = fleet;
    this.#signals = new VigieSignals(signals);
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("timeline");
    const head = h("div", { class: "timeline-head" }, h("h1", { class: "view-title", t: "events.title" }), this.#live, this.#signals);
    this.append(head, this.#filter, this.#lost, this.#pill, this.#said, this.#days, this.#blank, this.#foot, h("p", { class: "honest", t: "honest.live" }));
    this.#listen();
    this.#writeStream();
    this.#writeStatus();
  }

  /** Where the list is, with its filter. */
  get address() {
    const query = queryOf(this.#list.filter);
    return query ? `#events?${query}` : "#events";
  }

  /** @param {string} asked what follows the "?" in the address, which anybody may have written */
  show(asked) {
    const query = queryOf(filterOf(asked));
    const anew = query !== this.#query;
    this.#query = query;
    const again = !this.#shown;
    this.#shown = true;
    this.hidden = false;
    clearInterval(this.#pulse);
    this.#pulse = setInterval(() => this.#tick(), TICK_MS);
    this.#writeCameras();
    if (anew) {
      this.#filter.filter = filterOf(query);
      this.#scroll = 0;
      void this.#list.load(this.#filter.filter);
    } else if (again && this.#scroll <= TOP_PX) this.#showHeld(false);
    if (again) scrollTo({ top: this.#scroll, behavior: "instant" });
  }

  hide() {
    if (!this.#shown) return;
    this.#scroll = scrollY;
    this.#shown = false;
    this.hidden = true;
    clearInterval(this.#pulse);
  }

  /** After a look at one event: the focus is on it, and it is on the screen. @param {string} id */
  focusEvent(id) {
    const card = this.#cards.get(id);
    card?.link.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  #listen() {
    this.#filter.addEventListener("filter", (event) => this.#choose(/** @type {CustomEvent<EventFilter>} */ (event).detail));
    this.#list.on("reload", () => this.#reload());
    this.#list.on("page", (events) => this.#add(events));
    this.#list.on("arrive", (event) => this.#arrive(event));
    this.#list.on("change", (event) => this.#change(event));
    this.#list.on("status", () => this.#writeStatus());
    this.#stream.on("state", () => this.#writeStream());
    this.#fleet.on("change", () => this.#shown && this.#writeCameras());
    this.#pill.onclick = () => this.#showHeld(true);
    this.#more.onclick = () => void this.#list.more();
    this.#blankAct.onclick = () => {
      const { status, problem } = this.#list;
      if (status === "failed" && problem?.slug !== MISTAKEN) void this.#list.load(this.#list.filter);
      else this.#choose(filterOf(""));
    };
    this.#ahead.observe(this.#foot);
    addEventListener("scroll", () => this.#shown && this.#held.size && !this.#busy && this.#showHeld(false), { passive: true });
    this.#days.addEventListener("pointermove", ({ pointerType }) => pointerType === "mouse" && (this.#pointed = performance.now()));
    this.#days.addEventListener("pointerleave", () => (this.#pointed = -Infinity));
    this.addEventListener("keydown", (event) => this.#pressed(event));
    languages.on("change", () => this.#again());
  }

  /** The server's own, and those that events are there of. */
  #writeCameras() {
    const seen = this.#list.events.filter(isSighting).map(({ camera }) => camera);
    this.#filter.cameras = [...this.#fleet.cameras.map(({ name }) => name), ...seen];
  }

  /** @param {EventFilter} filter */
  #choose(filter) {
    this.#filter.filter = filter;
    this.#query = queryOf(filter);
    history.replaceState(null, "", this.#query ? `#events?${this.#query}` : "#events");
    void this.#list.load(filter);
  }

  /** Whether somebody reads what new events would move. */
  get #busy() {
    return scrollY > TOP_PX || performance.now() - this.#pointed < READING_MS || this.#days.contains(document.activeElement);
  }

  #reload() {
    this.#held.clear();
    this.#cards.clear();
    this.#days.replaceChildren();
    this.#add(this.#list.events);
    this.#writePill();
  }

  /** @param {VigieEvent[]} events */
  #add(events) {
    for (const event of events) this.#insert(event);
    this.#writeStatus();
    // It tells of a change alone: asked anew, it also tells that the end is still near.
    this.#ahead.unobserve(this.#foot);
    this.#ahead.observe(this.#foot);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #near(entries) {
    if (entries.some((entry) => entry.isIntersecting) && !this.#list.problem) void this.#list.more();
  }

  /** @param {VigieEvent} event */
  #arrive(event) {
    const newest = this.#days.querySelector("vigie-sighting");
    const above = !(newest instanceof VigieSighting) || newest.event.id < event.id;
    if (!this.#shown || (above && this.#busy)) this.#held.set(event.id, event);
    else this.#insert(event).classList.add("is-new");
    this.#writePill();
    this.#writeStatus();
    say(this.#said, "timeline.arrived", { label: kindName(event), camera: event.camera });
    // A screen that hangs on a wall for weeks must not keep all it ever showed.
    if (this.#list.size > MOST && (!this.#shown || !this.#busy)) void this.#list.load(this.#list.filter);
  }

  /** @param {VigieEvent} event */
  #change(event) {
    const card = this.#cards.get(event.id);
    if (card) card.event = event;
    else if (this.#held.has(event.id)) this.#held.set(event.id, event);
  }

  /** @param {boolean} rise whether to go to the top and to them */
  #showHeld(rise) {
    const events = [...this.#held.values()];
    this.#held.clear();
    for (const event of events) this.#insert(event).classList.add("is-new");
    this.#writePill();
    this.#writeStatus();
    if (!rise) return;
    scrollTo({ top: 0, behavior: "instant" });
    const first = this.#days.querySelector("vigie-sighting");
    if (first instanceof VigieSighting) first.link.focus({ preventScroll: true });
  }

  /** @param {VigieEvent} event @returns {VigieSighting} */
  #insert(event) {
    const known = this.#cards.get(event.id);
    if (known) return known;
    const card = new VigieSighting(this.#api, event);
    this.#cards.set(event.id, card);
    const seen = new Date(event.first_seen);
    const cards = this.#hour(dayOf(seen), hourOf(seen));
    const older = [...cards.children].find((other) => other instanceof VigieSighting && other.event.id < event.id);
    cards.insertBefore(card, older ?? null);
    return card;
  }

  /** @param {string} day @param {string} hour @returns {Element} the list of this hour */
  #hour(day, hour) {
    const section = child(this.#days, day, () => h("section", { class: "day" }, h("h2", { class: "day-title" }, dayName(day, new Date()))));
    const part = child(section, hour, () => h("div", { class: "hour" }, h("h3", { class: "hour-title" }, hourName(hour)), h("div", { class: "cards", role: "list" })));
    return part.lastElementChild ?? part;
  }

  #tick() {
    const now = performance.now();
    const cards = [...this.#cards.values()].slice(0, 500);
    for (const card of cards) card.tick();
    if (!this.#busy && this.#held.size) this.#showHeld(false);
    // A picture that is ready is no change of its event: nobody tells.
    const writing = this.#list.events.slice(0, 50).some(awaitsPicture);
    if (writing && !document.hidden && now - this.#settled > SETTLE_MS) {
      this.#settled = now;
      void this.#list.refresh();
    }
  }

  #writePill() {
    this.#pill.hidden = !this.#held.size;
    const words = this.#pill.lastElementChild;
    if (words && this.#held.size) say(words, "timeline.new", { count: this.#held.size });
  }

  #writeStream() {
    const { state } = this.#stream;
    this.#live.dataset.state = state;
    say(this.#live, `timeline.stream.${state}`);
    this.#lost.hidden = state !== "lost";
  }

  #writeStatus() {
    const { status, problem, open, size, loadingMore } = this.#list;
    const loading = status === "loading" || status === "idle";
    const none = size - this.#held.size <= 0 && !this.#cards.size;
    this.#days.toggleAttribute("data-stale", loading && !none);
    this.#days.setAttribute("aria-busy", String(loading));
    this.#blank.hidden = !none && status !== "failed";
    this.#days.hidden = !this.#blank.hidden;
    this.#foot.hidden = none || loading || status === "failed";
    this.#more.hidden = !open || loadingMore;
    this.#working.hidden = !loadingMore;
    this.#end.hidden = open || !size;
    this.#failed.hidden = !problem || status !== "ready";
    if (problem) this.#failed.textContent = problemWords(problem);
    if (!this.#blank.hidden) this.#writeBlank(loading ? "loading" : status === "failed" ? "error" : narrowness(this.#list.filter) ? "nomatch" : "empty");
  }

  /** @param {"loading" | "error" | "nomatch" | "empty"} reason */
  #writeBlank(reason) {
    if (this.#blank.dataset.reason !== reason) {
      this.#blank.dataset.reason = reason;
      this.#blankIcon.replaceChildren(reason === "loading" ? h("span", { class: "spinner" }) : icon({ error: "link_off", nomatch: "search", empty: "check" }[reason]));
    }
    say(this.#blankTitle, `timeline.${reason}`);
    const { problem } = this.#list;
    this.#blankText.hidden = reason === "loading";
    if (reason === "error" && problem) this.#blankText.textContent = problemWords(problem);
    else if (reason !== "loading") say(this.#blankText, `timeline.${reason}.text`);
    const word = this.#blankAct.firstElementChild;
    this.#blankAct.hidden = reason === "loading" || reason === "empty";
    if (word) say(word, reason === "error" && problem?.slug !== MISTAKEN ? "action.retry" : "filter.clear");
  }

  #again() {
    const now = new Date();
    for (const day of this.#days.children) {
      const [title, ...hours] = day.children;
      if (title) title.textContent = dayName(key(day), now);
      for (const hour of hours) if (hour.firstElementChild) hour.firstElementChild.textContent = hourName(key(hour));
    }
    for (const card of this.#cards.values()) card.again();
    this.#writeStatus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea")) return;
    if (event.key === "/") this.#filter.focusText();
    else if (!this.#move(event.key)) return;
    event.preventDefault();
  }

  /** @param {string} pressed @returns {boolean} whether the key meant something */
  #move(pressed) {
    const cards = [...this.#days.querySelectorAll("vigie-sighting")].filter((card) => card instanceof VigieSighting);
    const here = cards.findIndex((card) => card.contains(document.activeElement));
    const last = cards.length - 1;
    /** @type {Record<string, number>} */
    const there = { j: here + 1, ArrowRight: here + 1, k: here - 1, ArrowLeft: here - 1, Home: 0, End: last };
    const within = here >= 0;
    const step = pressed === "ArrowDown" ? 1 : pressed === "ArrowUp" ? -1 : 0;
    const place = step && within ? beyond(cards, here, step) : there[pressed.length === 1 ? pressed.toLowerCase() : pressed];
    if (place === undefined || (!within && pressed.length > 1)) return false;
    const card = cards[Math.min(Math.max(place, 0), last)];
    card?.link.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
    return true;
  }
}

/** @param {VigieEvent} event */
function awaitsPicture({ evidence, confirmed_at }) {
  if (evidence) return evidence.state === "writing";
  return confirmed_at !== null && (evidence === undefined || serverNow() - Date.parse(confirmed_at) < AWAITED_MS);
}

/** The card above or below. @param {VigieSighting[]} cards @param {number} here @param {1 | -1} step */
function beyond(cards, here, step) {
  const from = cards[here]?.getBoundingClientRect();
  if (!from) return here;
  let found = here;
  let nearest = Infinity;
  for (let index = here + step; cards[index]; index += step) {
    const to = cards[index]?.getBoundingClientRect();
    if (!to || Math.abs(to.top - from.top) < from.height / 2) continue;
    const distance = Math.abs(to.top - from.top) * 10 + Math.abs(to.left - from.left);
    if (distance >= nearest) {
      if (Math.abs(to.top - from.top) > from.height * 4) break;
      continue;
    }
    nearest = distance;
    found = index;
  }
  return found;
}

/** @param {Element} part */
function key(part) {
  return part instanceof HTMLElement ? (part.dataset.key ?? "") : "";
}

/** The part of this key, made in its place when there is none: the newest first. @param {Element} parent @param {string} wanted @param {() => HTMLElement} make */
function child(parent, wanted, make) {
  const parts = [...parent.children].filter((part) => key(part));
  const known = parts.find((part) => key(part) === wanted);
  if (known) return known;
  const made = make();
  made.dataset.key = wanted;
  parent.insertBefore(made, parts.find((part) => key(part) < wanted) ?? null);
  return made;
}

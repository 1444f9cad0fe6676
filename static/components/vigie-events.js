// <vigie-events>: every sighting once, updated in place as the server learns more.
import { h } from "../dom.js";
import { clock, languages, percent, quote, say, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */

const KEPT = 100;

export class VigieEvents extends HTMLElement {
  /** @type {Map<string, VigieEvent>} */
  #events = new Map();
  /** When each was last heard of, on the page's clock. @type {Map<string, number>} */
  #heard = new Map();
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();
  /** Feeds of this device: people know it by a better name than the server's. @type {Set<string>} */
  own = new Set();
  #count = h("span", { class: "count", hidden: true });
  #list = h("ol", { class: "events", testid: "events" });
  #empty = h("div", { class: "empty" }, h("p", { t: "events.empty" }), h("p", { class: "hint", t: "events.empty.hint" }));

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "event-card");
    say(this.#list, "events.title", {}, "aria-label");
    this.append(h("div", { class: "card-head" }, h("h2", { class: "card-title", t: "events.title" }), this.#count), this.#empty, this.#list);
    languages.on("change", () => this.#events.forEach((event) => this.#write(event)));
  }

  /** @param {VigieEvent} event @returns {boolean} whether it said anything new */
  put(event) {
    const held = this.#events.get(event.id);
    if (held && held.revision >= event.revision) return false;
    this.#events.set(event.id, event);
    this.#heard.set(event.id, performance.now());
    if (!held) this.#insert(event);
    this.#write(event);
    this.#empty.hidden = true;
    this.#count.hidden = false;
    say(this.#count, "events.count", { count: this.#events.size });
    return true;
  }

  /**
   * Lets the durations of what still goes on grow: the server speaks up only when something changes.
   * @param {string} feed
   */
  tick(feed) {
    for (const event of this.#events.values()) if (!event.ended_at && event.camera === feed) this.#writeDuration(event, true);
  }

  /** Forgets all: another camera is shown. */
  clear() {
    for (const map of [this.#items, this.#events, this.#heard]) map.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    this.#count.hidden = true;
  }

  /** @param {string} id */
  has(id) {
    return this.#events.has(id);
  }

  /** @param {VigieEvent} event */
  cameraName({ camera }) {
    return this.own.has(camera) ? t("source.own.default") : camera;
  }

  /** @param {string} feed @returns {VigieEvent[]} confirmed and still going on, the newest first */
  confirmed(feed) {
    const open = [...this.#events.values()].filter(({ state, camera }) => state === "confirmed" && camera === feed);
    return open.sort((a, b) => b.first_seen.localeCompare(a.first_seen));
  }

  /** @param {VigieEvent} event newest first, whatever the order of arrival */
  #insert(event) {
    const item = h(
      "li",
      { class: "event" },
      h("span", { class: "chip" }),
      h("a", { class: "event-link", href: `#event/${encodeURIComponent(event.id)}` }, h("time", { class: "event-time" })),
      h("span", { class: "event-camera" }),
      h("span", { class: "event-facts" }, h("span"), h("span")),
    );
    item.dataset.id = event.id;
    const older = [...this.#list.children].find((other) => (this.#held(other)?.first_seen ?? "") < event.first_seen);
    this.#list.insertBefore(item, older ?? null);
    this.#items.set(event.id, item);
    if (this.#items.size > KEPT) this.#forget(this.#list.lastElementChild);
  }

  /** @param {Element} item */
  #held(item) {
    return item instanceof HTMLElement ? this.#events.get(item.dataset.id ?? "") : undefined;
  }

  /** @param {Element | null} item */
  #forget(item) {
    const event = item && this.#held(item);
    if (!event) return;
    item.remove();
    for (const map of [this.#items, this.#events, this.#heard]) map.delete(event.id);
  }

  /** @param {VigieEvent} event */
  #write(event) {
    const item = this.#items.get(event.id);
    const [chip, link, camera, facts] = item?.children ?? [];
    const [time] = link?.children ?? [];
    const [score] = facts?.children ?? [];
    if (!item || !chip || !(time instanceof HTMLTimeElement) || !camera || !score) return;
    item.dataset.state = event.state;
    item.dataset.revision = String(event.revision);
    item.classList.toggle("was-confirmed", event.confirmed_at !== null);
    if (link) say(link, "event.open", { time: clock(new Date(event.first_seen)), camera: this.cameraName(event) }, "aria-label");
    say(chip, event.state === "ended" && !event.confirmed_at ? "event.dismissed" : `event.${event.state}`);
    time.dateTime = event.first_seen;
    time.textContent = clock(new Date(event.first_seen));
    quote(camera, this.cameraName(event));
    say(score, "event.score", { score: percent(event.best_score) });
    this.#writeDuration(event, false);
  }

  /** @param {VigieEvent} event @param {boolean} running whether it may be taken to last up to now */
  #writeDuration(event, running) {
    const duration = this.#items.get(event.id)?.lastElementChild?.lastElementChild;
    if (!duration) return;
    const known_ms = Date.parse(event.last_seen) - Date.parse(event.first_seen); // it ends a little later: it might have come back
    const since_ms = running ? performance.now() - (this.#heard.get(event.id) ?? performance.now()) : 0;
    const seconds = Math.max(0, known_ms + since_ms) / 1000;
    const shown = seconds < 10 ? seconds : Math.round(seconds);
    say(duration, event.ended_at ? "event.duration" : "event.lasting", { seconds: shown });
  }
}

// <vigie-events>: every sighting once, updated in place as the server learns more.
import { h } from "../dom.js";
import { clock, languages, percent, quote, say, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").VigieEvent} VigieEvent */

const KEPT = 100;

export class VigieEvents extends HTMLElement {
  /** @type {Map<string, VigieEvent>} */
  #events = new Map();
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
    if (!held) this.#insert(event);
    this.#write(event);
    this.#empty.hidden = true;
    this.#count.hidden = false;
    say(this.#count, "events.count", { count: this.#events.size });
    return true;
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
      h("time", { class: "event-time" }),
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
    this.#items.delete(event.id);
    this.#events.delete(event.id);
  }

  /** @param {VigieEvent} event */
  #write(event) {
    const item = this.#items.get(event.id);
    const [chip, time, camera, facts] = item?.children ?? [];
    const [score, duration] = facts?.children ?? [];
    if (!item || !chip || !(time instanceof HTMLTimeElement) || !camera || !score || !duration) return;
    item.dataset.state = event.state;
    item.dataset.revision = String(event.revision);
    item.classList.toggle("was-confirmed", event.confirmed_at !== null);
    say(chip, event.state === "ended" && !event.confirmed_at ? "event.dismissed" : `event.${event.state}`);
    time.dateTime = event.first_seen;
    time.textContent = clock(new Date(event.first_seen));
    quote(camera, this.cameraName(event));
    say(score, "event.score", { score: percent(event.best_score) });
    const seconds = Math.max(0, (Date.parse(event.ended_at ?? event.last_seen) - Date.parse(event.first_seen)) / 1000);
    say(duration, event.state === "ended" ? "event.duration" : "event.lasting", { seconds });
  }
}

// <vigie-event-facts>: what is known of one event: its times, what the model saw, by which rule it was believed, its history.
import { h } from "../dom.js";
import { copyButton } from "./copy-button.js";
import { duration, exactly, isOpen, isSighting, kindName, lasted, typeWord, when } from "../events/words.js";
import { serverNow } from "../fleet/server-clock.js";
import { languages, percent, quote, say, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */

const FACTS = /** @type {const} */ (["camera", "kind", "first", "confirmed", "ended", "lasted", "score", "looks", "model", "policy", "id"]);

export class VigieEventFacts extends HTMLElement {
  /** @type {Map<string, HTMLElement>} */
  #facts = new Map();
  #history = h("ol", { class: "history-list", testid: "event-history" });
  #camera = h("a", { class: "fact-link" });
  #id = h("code", { class: "fact-id" });
  #copy = copyButton(() => this.#event?.id ?? "", "copy-id");
  /** @type {FullEvent | null} */
  #event = null;
  #fleet;

  /** @param {import("../fleet/fleet.js").Fleet} fleet */
  constructor(fleet) {
    super();
    this.#fleet = fleet;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "event-facts-card");
    const facts = FACTS.map((name) => {
      const value = h("dd", { testid: `event-${name}` });
      this.#facts.set(name, value);
      return h("div", {}, h("dt", { t: `fact.${name}` }), value);
    });
    this.#facts.get("camera")?.append(this.#camera);
    this.#facts.get("id")?.append(this.#id, this.#copy);
    this.append(h("h2", { class: "card-title", t: "fact.title" }), h("dl", { class: "facts" }, ...facts));
    this.append(h("h3", { class: "label", t: "fact.history" }), this.#history);
    languages.on("change", () => this.#event && (this.event = this.#event));
  }

  /** @param {FullEvent} event */
  set event(event) {
    this.#event = event;
    const seen = isSighting(event);
    quote(this.#camera, event.camera);
    // Of a visitor's own camera, or one that was removed, there is no page.
    if (this.#fleet.get(event.camera)) this.#camera.href = `#camera/${encodeURIComponent(event.camera)}`;
    else this.#camera.removeAttribute("href");
    this.#put("camera", null, Boolean(event.camera));
    this.#put("kind", kindName(event));
    this.#put("first", exactly(event.first_seen));
    const after = event.confirmed_at ? (Date.parse(event.confirmed_at) - Date.parse(event.first_seen)) / 1000 : 0;
    this.#put("confirmed", event.confirmed_at ? t("fact.confirmed.value", { time: when(event.confirmed_at), after: duration(after) }) : t("fact.confirmed.never"), seen);
    this.#put("ended", event.ended_at ? when(event.ended_at) : t("fact.ended.open"));
    this.#put("score", percent(event.best_score), seen);
    this.#put("looks", t("fact.looks.value", { hits: event.hits, count: event.looks }), seen);
    this.#put("model", event.model, Boolean(event.model));
    this.#put("policy", event.policy, Boolean(event.policy) && seen);
    this.#id.textContent = event.id;
    this.#history.replaceChildren(...event.history.map(revisionItem));
    this.tick();
  }

  /** Lets the time of what goes on grow. */
  tick() {
    if (!this.#event) return;
    const name = this.#facts.get("lasted")?.previousElementSibling;
    if (name) say(name, isSighting(this.#event) ? "fact.sight" : "fact.lasted");
    this.#put("lasted", duration(lasted(this.#event, serverNow())));
    this.dataset.open = String(isOpen(this.#event));
  }

  /** @param {typeof FACTS[number]} name @param {string | null} text null: it is there already @param {boolean} [known] */
  #put(name, text, known = true) {
    const element = this.#facts.get(name);
    if (!element) return;
    if (text !== null) quote(element, text);
    element.parentElement?.toggleAttribute("hidden", !known);
  }
}

/** @param {import("../types.js").Revision} told */
function revisionItem({ type, at, revision }) {
  const number = say(h("span", { class: "hint" }), "fact.revision", { revision: String(revision) });
  return h("li", {}, h("time", { datetime: at }, when(at)), h("span", { t: typeWord(type) }), number);
}

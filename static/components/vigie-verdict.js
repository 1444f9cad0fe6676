// <vigie-verdict>: a person says what an event was. Before an alert is taken back it says who will be told, and after, who was.
import { mayHere } from "../access/visitor.js";
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { alerted, lastWord, placeOf, receiversOf } from "../events/receivers.js";
import { failureWords, when } from "../events/words.js";
import { serverNow } from "../fleet/server-clock.js";
import { problemWords } from "../fleet/problem-words.js";
import { languages, quote, say } from "../i18n/i18n.js";

/** @typedef {import("../types.js").FullEvent} FullEvent */
/** @typedef {import("../types.js").Verdict} Verdict */

/** @type {Verdict[]} */
const VERDICTS = ["real", "false", "unsure"];
const SIGNS = { delivered: "check", waiting: "clock", dead: "warning" };
const SENDING_MS = 5000; // what was not tried by then waits behind what the receiver did not take before
const KEYS = { real: "R", false: "F", unsure: "U" };

export class VigieVerdict extends HTMLElement {
  #api;
  /** @type {Map<Verdict, HTMLButtonElement>} */
  #buttons = new Map();
  #given = h("p", { class: "verdict-given", role: "status", testid: "verdict-given" });
  #told = h("p", { class: "hint", testid: "verdict-told" });
  #note = h("textarea", { class: "input verdict-note", id: "verdict-note", rows: 2, maxlength: 2000, testid: "verdict-note" });
  #saveNote = h("button", { class: "button is-compact", type: "button", t: "verdict.note.save", testid: "note-save", "data-needs": "judge", hidden: true });
  #askText = h("p", { testid: "retract-text" });
  #askList = h("ul", { class: "ask-list" });
  #yes = h("button", { class: "button is-danger", type: "button", testid: "retract-yes" }, icon("undo"), h("span", { t: "verdict.retract" }));
  #no = h("button", { class: "button", type: "button", t: "form.cancel", testid: "retract-no" });
  #ask = h(
    "div",
    { class: "verdict-ask", role: "alertdialog", "aria-labelledby": "verdict-ask-title", hidden: true },
    h("strong", { id: "verdict-ask-title", t: "verdict.ask" }),
    this.#askText,
    this.#askList,
    h("div", { class: "verdict-acts" }, this.#yes, this.#no),
  );
  #receiptsTitle = h("h3", { class: "label" });
  #receipts = h("ul", { class: "receipts", testid: "receipts" });
  #after = h("div", { class: "verdict-after", hidden: true }, this.#receiptsTitle, this.#receipts);
  #error = h("p", { class: "form-error", role: "alert", testid: "verdict-error", hidden: true });
  /** @type {FullEvent | null} */
  #event = null;
  #busy = false;
  /** Notes typed and not sent, by event: a look at the next one loses none. @type {Map<string, string>} */
  #drafts = new Map();
  #listed = "";

  /** @param {import("../events/events-api.js").EventsApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "verdict-card");
    const buttons = h("div", { class: "verdict-buttons", role: "group", "data-needs": "judge", label: "verdict.title" }, ...VERDICTS.map((verdict) => this.#button(verdict)));
    const note = h("div", { class: "field", "data-needs": "judge" }, h("label", { class: "label", for: "verdict-note", t: "verdict.note" }), this.#note, this.#saveNote);
    this.append(h("h2", { class: "card-title", t: "verdict.title" }), this.#given, buttons, this.#told, this.#ask, note, this.#error, this.#after);
    this.#note.oninput = () => {
      if (this.#event) this.#drafts.set(this.#event.id, this.#note.value);
      this.#writeNote();
    };
    this.#note.onkeydown = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !this.#saveNote.hidden) this.#saveNote.click();
    };
    this.#saveNote.onclick = () => this.#event?.verdict && void this.#send(this.#event.verdict);
    this.#yes.onclick = () => void this.#send("false");
    this.#no.onclick = () => this.#dismiss();
    this.#ask.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.#dismiss();
    };
    languages.on("change", () => {
      this.#listed = "";
      if (this.#event) this.#write(this.#event);
    });
  }

  /** @param {FullEvent | null} event */
  set event(event) {
    if (event?.id !== this.#event?.id) this.#ask.hidden = this.#error.hidden = true;
    const note = this.#drafts.get(event?.id ?? "") ?? event?.note ?? "";
    if (this.#note.value !== note) this.#note.value = note;
    this.#event = event;
    if (event) this.#write(event);
  }

  focusNote() {
    this.#note.focus();
  }

  /** What a button or its key does. @param {Verdict} verdict */
  judge(verdict) {
    const event = this.#event;
    if (!event || this.#busy || !mayHere("judge")) return;
    if (verdict !== "false" || event.verdict === "false" || !alerted(event.deliveries).length) return void this.#send(verdict);
    // This calls people off: never by one slip of a finger.
    this.#ask.hidden = false;
    this.#yes.focus();
    this.#ask.scrollIntoView({ block: "nearest" });
  }

  #dismiss() {
    this.#ask.hidden = true;
    this.#buttons.get("false")?.focus();
  }

  /** @param {Verdict} verdict */
  async #send(verdict) {
    const event = this.#event;
    if (!event || this.#busy) return;
    const asked = this.#ask.contains(document.activeElement);
    this.#working(true);
    this.#error.hidden = true;
    try {
      const judged = await this.#api.judge(event.id, verdict, this.#note.value.trim());
      this.#drafts.delete(event.id);
      this.#ask.hidden = true;
      this.dispatchEvent(new CustomEvent("judged", { detail: judged }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#error.hidden = false;
      this.#error.textContent = problemWords(error);
    } finally {
      this.#working(false);
      if (asked) this.#buttons.get(verdict)?.focus();
    }
  }

  /** @param {boolean} busy */
  #working(busy) {
    this.#busy = busy;
    for (const button of [...this.#buttons.values(), this.#yes, this.#saveNote]) button.disabled = busy;
  }

  /** @param {FullEvent} event */
  #write(event) {
    for (const [verdict, button] of this.#buttons) button.setAttribute("aria-pressed", String(verdict === event.verdict));
    this.dataset.verdict = event.verdict ?? "";
    this.#given.hidden = !event.verdict;
    if (event.verdict) say(this.#given, event.retracted_at ? "verdict.given.retracted" : `verdict.given.${event.verdict}`, { time: when(event.verdict_at ?? "") });
    this.#writeNote();
    this.#writeTold(event);
    this.#writeReceipts(event);
  }

  #writeNote() {
    const note = this.#event?.note ?? "";
    this.#saveNote.hidden = !this.#event?.verdict || this.#note.value.trim() === note;
  }

  /** @param {FullEvent} event */
  #writeTold(event) {
    const receivers = alerted(event.deliveries);
    const late = receivers.filter(({ deliveries }) => deliveries.every(({ state }) => state !== "delivered")).length;
    const count = receivers.length;
    this.#told.hidden = event.verdict === "false" || !event.confirmed_at;
    if (!count) say(this.#told, "verdict.told.none");
    else say(this.#told, late ? "verdict.told.late" : "verdict.told", { count, late });
    say(this.#askText, "verdict.ask.text", { count });
    this.#askList.replaceChildren(...receivers.map((receiver) => h("li", {}, nameOf(receiver))));
  }

  /** @param {FullEvent} event */
  #writeReceipts(event) {
    const told = receiversOf(event.deliveries).flatMap((receiver) => {
      const word = lastWord(receiver);
      return word ? [{ receiver, word }] : [];
    });
    this.#after.hidden = !told.length;
    const late = serverNow() > Date.parse(event.verdict_at ?? "") + SENDING_MS;
    const listed = JSON.stringify([late, ...told.map(({ word }) => word)]);
    if (listed === this.#listed) return;
    this.#listed = listed;
    const have = told.filter(({ word }) => word.state === "delivered").length;
    const taken = event.verdict === "false";
    if (told.length) say(this.#receiptsTitle, taken ? "receipts.retracted" : "receipts.reinstated", { have, count: told.length });
    this.#receipts.replaceChildren(...told.map(({ receiver, word }) => receipt(receiver, word, event.verdict_at ?? "")));
  }

  /** @param {Verdict} verdict */
  #button(verdict) {
    const key = KEYS[verdict];
    const look = { class: `button verdict-button verdict-${verdict}`, testid: `verdict-${verdict}`, hint: /** @type {const} */ (`verdict.${verdict}.hint`) };
    const button = h("button", { ...look, type: "button", "aria-keyshortcuts": key }, h("span", { t: `verdict.${verdict}` }), h("kbd", {}, key));
    button.onclick = () => this.judge(verdict);
    this.#buttons.set(verdict, button);
    return button;
  }
}

/** @param {import("../events/receivers.js").Receiver} receiver */
function nameOf(receiver) {
  const { host, path } = placeOf(receiver);
  return host + path;
}

/** @param {import("../events/receivers.js").Receiver} receiver @param {import("../types.js").EventDelivery} word @param {string} told_at */
function receipt(receiver, word, told_at) {
  const text = h("span", { class: "receipt-text" });
  const sign = h("span", { class: "receipt-sign", "aria-hidden": "true" }, icon(SIGNS[word.state]));
  const item = h("li", { class: "receipt" }, sign, h("strong", { class: "receipt-host" }, nameOf(receiver)), text);
  item.dataset.state = word.state;
  item.dataset.testid = "receipt";
  if (word.state === "delivered") say(text, "receipt.delivered", { time: when(word.delivered_at ?? "") });
  else if (word.state === "dead") say(text, "receipt.dead", { count: word.attempts });
  else if (word.attempts && word.next_try_at && Date.parse(word.next_try_at) > serverNow()) say(text, "receipt.retrying", { count: word.attempts, time: when(word.next_try_at) });
  else if (word.attempts) say(text, "receipt.held", { count: word.attempts });
  else say(text, Date.parse(told_at) + SENDING_MS > serverNow() ? "receipt.waiting" : "receipt.queued");
  if (word.state !== "delivered" && word.last_error) {
    const why = h("span", { class: "receipt-why", lang: "en" });
    quote(why, failureWords(word.last_error, word.last_status));
    item.append(why);
  }
  return item;
}

// <vigie-models>: the models there are, which one looks, one more, another one, one less.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { languages, percent, quote, say } from "../i18n/i18n.js";
import { refusalWords } from "../models/words.js";
import { VigieModel } from "./vigie-model.js";
import { VigieQuestion } from "./vigie-question.js";

/** @typedef {import("../types.js").Model} Model */

const AGAIN_MS = 3000;

export class VigieModels extends HTMLElement {
  #api;
  #title = h("h1", { class: "view-title", t: "models.title", tabindex: -1 });
  #intro = h("p", { class: "hint", t: "models.intro" });
  #file = h("input", { type: "file", class: "visually-hidden", id: "model-file", accept: ".onnx", testid: "model-file", "aria-describedby": "model-limit" });
  #choose = h("label", { class: "button is-primary is-compact model-choose", for: "model-file" }, icon("plus"), h("span", { t: "models.add" }));
  #limit = h("p", { class: "hint", id: "model-limit" });
  #bar = h("progress", { class: "model-bar", max: 1, value: 0, label: "models.uploading.label" });
  #sent = h("span", { class: "model-sent" });
  #cancel = h("button", { class: "button is-compact", type: "button", t: "form.cancel", testid: "model-cancel" });
  #sending = h("div", { class: "card model-sending", testid: "model-sending", hidden: true }, this.#sent, this.#bar, this.#cancel);
  #said = h("p", { class: "hook-result", role: "status", testid: "model-said", hidden: true });
  #notice = h("p", { class: "notice", role: "alert", testid: "models-notice", hidden: true });
  #list = h("div", { class: "hooks", testid: "models" });
  /** @type {Map<string, VigieModel>} */
  #cards = new Map();
  /** @type {import("../types.js").ModelList | null} */
  #known = null;
  /** @type {Problem | null} of what was tried last */
  #problem = null;
  /** The model this page is changing to. */
  #mine = "";
  #shown = false;
  #asking = new AbortController();
  #upload = new AbortController();
  /** @type {number | undefined} */
  #timer;

  /** @param {import("../models/models-api.js").ModelsApi} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("webhooks", "models");
    const words = h("div", { class: "hooks-words" }, this.#title, this.#intro);
    this.append(h("div", { class: "hooks-head" }, words, h("div", { class: "model-add" }, this.#file, this.#choose, this.#limit)), this.#sending, this.#said, this.#notice, this.#list);
    this.#file.onchange = () => {
      const file = this.#file.files?.[0];
      this.#file.value = ""; // the same file may be chosen again
      if (file) void this.#send(file);
    };
    this.#cancel.onclick = () => this.#upload.abort();
    this.#list.addEventListener("use", (event) => this.#use(/** @type {CustomEvent<Model>} */ (event).detail));
    this.#list.addEventListener("remove", (event) => this.#remove(/** @type {CustomEvent<Model>} */ (event).detail));
    languages.on("change", () => this.#write());
  }

  /** @param {boolean} shown */
  set shown(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.hidden = !shown;
    clearTimeout(this.#timer);
    this.#asking.abort();
    if (!shown) return;
    this.#asking = new AbortController();
    this.#problem = null;
    this.#said.hidden = true;
    scrollTo({ top: 0, behavior: "instant" });
    void this.#ask();
  }

  async #ask() {
    const { signal } = this.#asking;
    clearTimeout(this.#timer);
    try {
      const known = await this.#api.list(signal);
      if (signal.aborted) return;
      if (this.#problem?.slug === "unreachable") this.#problem = null;
      this.#known = known;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#problem = error;
    }
    this.#write();
    if (this.#shown) this.#timer = setTimeout(() => void this.#ask(), AGAIN_MS);
  }

  #write() {
    this.#notice.hidden = !this.#problem;
    if (this.#problem) quote(this.#notice, refusalWords(this.#problem));
    if (!this.#known) return;
    const { models, limits, changing } = this.#known;
    say(this.#limit, "models.limit", { megabytes: limits.upload_bytes / 1e6, count: limits.most });
    const ids = new Set(models.map(({ id }) => id));
    for (const [id, card] of this.#cards) {
      if (ids.has(id)) continue;
      card.remove();
      this.#cards.delete(id);
    }
    models.forEach((model, index) => {
      const card = this.#cards.get(model.id) ?? new VigieModel(model);
      this.#cards.set(model.id, card);
      if (this.#list.children[index] !== card) this.#list.insertBefore(card, this.#list.children[index] ?? null);
      card.model = model;
      card.change = { changing: changing || Boolean(this.#mine), mine: model.id === this.#mine };
    });
  }

  /** @param {File} file */
  async #send(file) {
    this.#upload.abort();
    this.#upload = new AbortController();
    this.#problem = null;
    this.#said.hidden = true;
    this.#sending.hidden = false;
    this.#progress(file.name, 0);
    this.#write();
    try {
      const { model, added } = await this.#api.upload(file, (fraction) => this.#progress(file.name, fraction), this.#upload.signal);
      this.#tell(added ? "models.added" : "models.there", model.name);
      await this.#ask();
      this.#cards.get(model.id)?.take();
    } catch (error) {
      if (error instanceof Problem) this.#problem = error;
      else if (!(error instanceof DOMException)) throw error;
    } finally {
      this.#sending.hidden = true;
      this.#write();
    }
  }

  /** @param {string} name @param {number} fraction */
  #progress(name, fraction) {
    this.#bar.value = fraction;
    say(this.#sent, fraction < 1 ? "models.uploading" : "models.reading", { name, done: percent(fraction) });
  }

  /** @param {Model} model */
  #use(model) {
    new VigieQuestion({
      title: "model.use.title", text: "model.use.text", yes: "model.use", symbol: "check", values: { name: model.name },
      act: async () => void setTimeout(() => void this.#change(model)), // what follows takes seconds, in view of the list
    }).begin();
  }

  /** @param {Model} model */
  async #change(model) {
    this.#mine = model.id;
    this.#problem = null;
    this.#said.hidden = true;
    this.#write();
    try {
      await this.#api.activate(model.id);
      this.#tell("models.changed", model.name);
      this.dispatchEvent(new CustomEvent("changed"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#problem = error;
    }
    this.#mine = "";
    await this.#ask();
    this.#cards.get(model.id)?.take();
  }

  /** @param {Model} model */
  #remove(model) {
    new VigieQuestion({
      title: "model.remove.title", text: "model.remove.text", yes: "model.remove", symbol: "trash", danger: true, values: { name: model.name },
      act: async () => {
        await this.#api.remove(model.id);
        this.#title.focus();
        this.#tell("models.removed", model.name);
        await this.#ask();
      },
    }).begin();
  }

  /** @param {"models.added" | "models.there" | "models.changed" | "models.removed"} key @param {string} name */
  #tell(key, name) {
    this.#said.hidden = false;
    say(this.#said, key, { name });
  }
}

// <vigie-model>: one model: what it is, how it stands, and what can be done with it.
import { bytes, when } from "../events/words.js";
import { h, icon } from "../dom.js";
import { labelName, languages, percent, quote, say, t } from "../i18n/i18n.js";
import { standingOf } from "../models/words.js";

/** @typedef {import("../types.js").Model} Model */

const FACTS = /** @type {const} */ (["labels", "version", "precision", "runs", "size", "added", "speed", "check"]);

export class VigieModel extends HTMLElement {
  #model;
  #name = h("h2", { class: "hook-host model-name", tabindex: -1 });
  #origin = h("span", { class: "tag" });
  #chip = h("span", { class: "chip model-chip", testid: "model-state" });
  #trial = h("p", { class: "hint", t: "model.trial.hint", hidden: true });
  #reason = h("p", { class: "notice", testid: "model-reason", hidden: true });
  #facts = h("dl", { class: "hook-figures" });
  /** @type {Record<string, { part: HTMLElement, value: HTMLElement }>} */
  #values = {};
  #id = h("p", { class: "model-id" });
  #use = h("button", { class: "button is-compact", type: "button", testid: "model-use" }, icon("check"), h("span", { t: "model.use" }));
  #remove = h("button", { class: "button is-compact", type: "button", testid: "model-remove" }, icon("trash"), h("span", { t: "model.remove" }));
  #acts = h("div", { class: "hook-acts" }, this.#use, this.#remove);
  #working = h("p", { class: "hook-result", role: "status", testid: "model-working", hidden: true }, h("span", { class: "spinner", "aria-hidden": "true" }), h("span", { t: "model.trying" }));
  /** @type {() => void} */
  #forget = () => {};
  #busy = false;

  /** @param {Model} model */
  constructor(model) {
    super();
    this.#model = model;
  }

  connectedCallback() {
    this.#forget = languages.on("change", () => this.#write());
    if (this.childElementCount) return void this.#write();
    this.classList.add("card", "hook", "model");
    this.dataset.testid = "model";
    for (const name of FACTS) {
      const value = h("dd", { testid: `model-${name}` });
      const part = h("div", { class: "hook-figure" }, h("dt", { t: `model.${name}` }), value);
      this.#values[name] = { part, value };
      this.#facts.append(part);
    }
    const head = h("div", { class: "hook-head" }, h("div", { class: "hook-name" }, this.#name, this.#origin), this.#chip);
    this.append(head, this.#trial, this.#reason, this.#facts, this.#id, this.#working, this.#acts);
    this.#use.onclick = () => this.dispatchEvent(new CustomEvent("use", { detail: this.#model, bubbles: true }));
    this.#remove.onclick = () => this.dispatchEvent(new CustomEvent("remove", { detail: this.#model, bubbles: true }));
    this.#write();
  }

  disconnectedCallback() {
    this.#forget();
  }

  /** @param {Model} model */
  set model(model) {
    this.#model = model;
    if (this.childElementCount) this.#write();
  }

  /** @param {{ changing: boolean, mine: boolean }} change whether any model is being changed, and whether to this one */
  set change({ changing, mine }) {
    this.#busy = changing;
    this.#working.hidden = !mine;
    this.#use.disabled = this.#remove.disabled = changing;
  }

  /** Where the focus goes when its buttons are gone. */
  take() {
    this.#name.focus();
  }

  #write() {
    const model = this.#model;
    const standing = standingOf(model);
    this.dataset.id = model.id;
    this.dataset.state = standing;
    quote(this.#name, model.name);
    say(this.#origin, `model.origin.${model.origin}`);
    this.#chip.dataset.state = standing;
    say(this.#chip, `model.state.${standing}`);
    this.#trial.hidden = standing !== "trial";
    this.#reason.hidden = !model.reason;
    if (model.reason) quote(this.#reason, `${t(`model.why.${model.state === "rolled-back" ? "rolled-back" : "failed"}`)} ${model.reason}`);
    const active = model.state === "active";
    this.#fact("labels", model.labels.map(labelName).join(", "));
    this.#fact("version", model.version);
    this.#fact("precision", model.precision === "int8" ? t("model.precision.int8") : model.precision === "fp32" ? t("model.precision.fp32") : "");
    this.#fact("runs", active ? t("model.runs.value", { backend: model.backend ?? "", device: model.device ?? "" }) : "");
    this.#fact("size", model.size_bytes ? bytes(model.size_bytes) : "");
    this.#fact("added", model.added_at ? when(model.added_at) : "");
    const { checked } = model;
    this.#fact("speed", checked ? t("model.speed.value", { look: checked.look_ms, warm: checked.warm_up_ms / 1000 }) : "");
    this.#fact("check", checked ? (checked.score === null ? t("model.check.none") : t("model.check.found", { score: percent(checked.score) })) : "");
    quote(this.#id, `SHA-256 ${model.id}`);
    this.#use.hidden = active;
    this.#remove.hidden = active || model.origin !== "uploaded";
    this.#acts.hidden = this.#use.hidden && this.#remove.hidden;
    this.#use.disabled = this.#remove.disabled = this.#busy;
  }

  /** @param {typeof FACTS[number]} name @param {string} text */
  #fact(name, text) {
    const fact = this.#values[name];
    if (!fact) return;
    fact.part.hidden = !text;
    quote(fact.value, text);
  }
}

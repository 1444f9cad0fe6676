// <vigie-webhook-form>: the dialog that adds a webhook or changes one.
import { Problem } from "../api.js";
import { STATES, USUAL_STATES } from "../alerts/words.js";
import { h } from "../dom.js";
import { kindWord } from "../events/words.js";
import { problemWords } from "../fleet/problem-words.js";
import { known, say, t } from "../i18n/i18n.js";
import { VigieChoices } from "./vigie-choices.js";
import { VigieDialog } from "./vigie-dialog.js";
import { VigieField } from "./vigie-field.js";

/** @typedef {import("../types.js").Webhook} Webhook */

const OTHER_KINDS = ["evidence-stopped", "model-failed"];
const HIDDEN = "?...";

export class VigieWebhookForm extends VigieDialog {
  #api;
  #webhook;
  #known;
  #url = new VigieField("url", "hook.url", plain({ inputmode: "url", placeholder: "https://example.org/vigie" }), "hook.url.hint", "hook");
  #description = new VigieField("description", "hook.description", plain({ maxlength: 200 }), "hook.description.hint", "hook");
  #states = new VigieChoices("states", "hook.states", null);
  #cameras = new VigieChoices("cameras", "hook.cameras", "hook.cameras.all");
  #kinds = new VigieChoices("kinds", "hook.kinds", "hook.kinds.all");
  #error = h("p", { class: "form-error", role: "alert", testid: "hook-error", hidden: true });
  #save = h("button", { class: "button is-primary", type: "submit", testid: "hook-save" }, h("span"));
  #cancel = h("button", { class: "button", type: "button", t: "form.cancel", testid: "hook-cancel" });
  #saving = false;

  /**
   * @param {import("../alerts/webhooks-api.js").WebhooksApi} api
   * @param {Webhook | null} webhook null: a new one
   * @param {{ cameras: string[], kinds: string[] }} known what there is to choose from
   */
  constructor(api, webhook, known) {
    super();
    this.#api = api;
    this.#webhook = webhook;
    this.#known = known;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    const webhook = this.#webhook;
    this.dialog.dataset.testid = "hook-form";
    say(this.heading, webhook ? "hook.edit" : "hook.add");
    this.body.append(this.#url, this.#description, this.#states, this.#cameras, this.#kinds, this.#error);
    this.foot.append(h("span", { class: "dialog-space" }), this.#cancel, this.#save);
    this.#cancel.onclick = () => this.close();
    this.#url.input.value = webhook?.url ?? "";
    this.#description.input.value = webhook?.description ?? "";
    this.#url.input.addEventListener("input", () => this.#hint());
    this.#states.show(STATES.map((value) => ({ value, text: t(`hook.state.${value}`), hint: t(`hook.state.${value}.hint`) })), webhook?.states ?? USUAL_STATES);
    this.#cameras.show(this.#known.cameras.map((value) => ({ value, text: value })), webhook?.cameras ?? []);
    const kinds = [...new Set([...this.#known.kinds, ...OTHER_KINDS])];
    this.#kinds.show(kinds.map((value) => ({ value, text: kindWord(value) })), webhook?.kinds ?? []);
    this.#hint();
    this.#busy(false);
  }

  begin() {
    this.open();
    this.#url.input.focus();
  }

  #hint() {
    if (this.#url.input.value.endsWith(HIDDEN)) this.#url.hint = "form.url.hidden";
    else this.#url.hint = /^http:/i.test(this.#url.input.value.trim()) ? "hook.url.plain" : "hook.url.hint";
  }

  async submit() {
    if (this.#saving || !this.#right()) return;
    this.#busy(true);
    const values = {
      url: this.#url.input.value.trim(), description: this.#description.input.value.trim(),
      states: this.#states.value, cameras: this.#cameras.value, kinds: this.#kinds.value,
    };
    try {
      const saved = this.#webhook ? await this.#api.change(this.#webhook.id, values) : await this.#api.add(values);
      this.dispatchEvent(new CustomEvent("saved", { detail: saved }));
      this.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#refused(error);
    } finally {
      this.#busy(false);
    }
  }

  #right() {
    this.#error.hidden = true;
    for (const field of [this.#url, this.#states, this.#cameras, this.#kinds, this.#description]) field.right();
    const url = this.#url.input.value.trim();
    if (!url) this.#url.wrong("form.error.required");
    else if (url.endsWith(HIDDEN) && url !== this.#webhook?.url) this.#url.wrong("form.error.url.hidden");
    else if (!/^https?:\/\/[^/]/i.test(url)) this.#url.wrong("hook.error.url");
    for (const choices of [this.#states, this.#cameras, this.#kinds]) if (choices.missing) choices.wrong("hook.error.none");
    return !this.#focusWrong();
  }

  /** @param {Problem} problem each complaint goes to its field */
  #refused(problem) {
    let left = problem.errors.length ? 0 : 1;
    if (problem.slug === "webhook-url-not-allowed") {
      this.#url.wrong("hook.error.url.private", {}, problem.detail);
      left = 0;
    }
    for (const { field, detail } of problem.errors) {
      const [name = ""] = field.split(".");
      const key = `hook.error.${name}`;
      const word = known(key) ? key : "form.error.other";
      if (name === "url") this.#url.wrong("hook.error.url.refused", {}, detail);
      else if (name === "description") this.#description.wrong(word, {}, detail);
      else if (name === "states" || name === "cameras" || name === "kinds") this.#choices(name).wrong(word, detail);
      else left += 1;
    }
    this.#error.hidden = left === 0;
    this.#error.textContent = problemWords(problem);
    if (!this.#focusWrong()) this.#error.scrollIntoView({ block: "nearest" });
  }

  /** @param {"states" | "cameras" | "kinds"} name */
  #choices(name) {
    return { states: this.#states, cameras: this.#cameras, kinds: this.#kinds }[name];
  }

  /** @returns {boolean} whether any field is wrong */
  #focusWrong() {
    const field = [this.#url, this.#description].find(({ input }) => input.hasAttribute("aria-invalid"));
    const choices = [this.#states, this.#cameras, this.#kinds].find(({ bad }) => bad);
    if (field) field.input.focus();
    else choices?.focusFirst();
    return Boolean(field ?? choices);
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#saving = busy;
    this.#save.disabled = busy;
    const [label] = this.#save.children;
    if (label) say(label, busy ? "form.saving" : this.#webhook ? "form.save" : "form.create");
  }
}

/** @param {import("../dom.js").Attributes} more */
function plain(more) {
  return h("input", { class: "input", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...more });
}

// <vigie-camera-form>: the dialog that adds a camera or changes one, and tries it before.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { KINDS, changesOf, kindOf, mistakesOf, serverOf, splitUrl } from "../fleet/camera-values.js";
import { problemWords } from "../fleet/problem-words.js";
import { known, language, say, t } from "../i18n/i18n.js";
import { cameraFields } from "./camera-fields.js";
import { VigieDialog } from "./vigie-dialog.js";
import { VigieProbe } from "./vigie-probe.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {import("../fleet/camera-values.js").Kind} Kind */
/** @typedef {import("../fleet/camera-values.js").Values} Values */

export class VigieCameraForm extends VigieDialog {
  #api;
  #camera;
  #fields = cameraFields();
  /** @type {Map<Kind, HTMLInputElement>} */
  #kinds = new Map();
  #picker = h("fieldset", { class: "kinds" }, h("legend", { class: "label", t: "form.kind" }));
  #kept = h("div", { class: "kept", hidden: true }, h("p", { class: "hint" }));
  #forget = h("button", { class: "button is-compact", type: "button", testid: "forget" }, h("span", { t: "form.forget" }));
  #more = h("details", { class: "more" }, h("summary", { t: "form.more" }));
  #probe = new VigieProbe();
  #error = h("p", { class: "form-error", role: "alert", testid: "form-error", hidden: true });
  #test = h("button", { class: "button", type: "button", testid: "probe-button" }, icon("play"), h("span", { t: "form.test" }));
  #save = h("button", { class: "button is-primary", type: "submit", testid: "camera-save" }, h("span"));
  #cancel = h("button", { class: "button", type: "button", t: "form.cancel", testid: "camera-cancel" });
  /** @type {Kind | null} */
  #kind = "rtsp";
  #forgotten = false;
  #saving = false;
  /** @type {AbortController | null} */
  #trying = null;

  /** @param {import("../api.js").Api} api @param {ServerCamera | null} camera null: a new one */
  constructor(api, camera) {
    super();
    this.#api = api;
    this.#camera = camera;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    super.connectedCallback();
    this.dialog.dataset.testid = "camera-form";
    if (this.#camera) say(this.heading, "form.edit", { camera: this.#camera.name });
    else say(this.heading, "form.add");
    this.#sayIdle();
    for (const kind of /** @type {Kind[]} */ (Object.keys(KINDS))) this.#picker.append(...this.#option(kind));
    this.#picker.hidden = this.#camera !== null;
    const { name, url, username, password, labels, transport, look_rate, motion_gate, loop, enabled } = this.#fields;
    this.#kept.append(this.#forget);
    const credentials = h("div", { class: "pair" }, username, password);
    this.#more.append(h("div", { class: "more-body" }, h("div", { class: "pair" }, transport, look_rate), motion_gate, loop, enabled));
    this.body.append(this.#picker, name, url, credentials, this.#kept, labels, this.#more, this.#probe, this.#error);
    this.foot.append(this.#test, h("span", { class: "dialog-space" }), this.#cancel, this.#save);
    this.#fill();
    this.#listen();
  }

  /** Opens with the focus where typing begins. */
  begin() {
    this.open();
    (this.#camera ? this.#fields.url : this.#fields.name).input.focus();
  }

  closed() {
    this.#trying?.abort();
  }

  #listen() {
    this.#cancel.onclick = () => this.close();
    this.#test.onclick = () => void this.#try();
    this.#forget.onclick = () => {
      this.#forgotten = true;
      this.#writeKept();
      this.#fields.username.input.focus();
    };
    const { input } = this.#fields.url;
    input.addEventListener("input", () => {
      const kind = kindOf(input.value);
      if (kind && kind !== this.#kind && kind !== "whip") this.#choose(kind);
      this.#writeKept();
    });
    input.addEventListener("change", () => {
      const parts = splitUrl(input.value);
      if (!parts) return;
      input.value = parts.url;
      this.#fields.username.input.value = parts.username;
      this.#fields.password.input.value = parts.password;
    });
    this.form.addEventListener("input", () => this.#probe.dataset.state !== "working" && this.#probe.clear());
  }

  #fill() {
    const camera = this.#camera;
    const { name, url, labels, transport, look_rate, motion_gate, loop, enabled } = this.#fields;
    name.hidden = camera !== null;
    this.#choose(camera ? kindOf(camera.url) : "rtsp");
    check(motion_gate).checked = camera?.motion_gate ?? true;
    check(enabled).checked = camera?.enabled ?? true;
    check(loop).checked = camera?.loop ?? false;
    if (camera) {
      url.input.value = camera.url;
      labels.input.value = camera.labels.join(", ");
      transport.input.value = camera.transport;
      look_rate.input.value = camera.look_rate === null ? "" : new Intl.NumberFormat(language(), { useGrouping: false }).format(camera.look_rate);
      if (camera.url.includes("?")) url.hint = "form.url.hidden";
    }
    this.#writeKept();
  }

  /** @param {Kind | null} kind */
  #choose(kind) {
    this.#kind = kind;
    const input = kind && this.#kinds.get(kind);
    if (input) input.checked = true;
    const { url, username, password, transport, loop } = this.#fields;
    const pushed = kind === "whip";
    url.hidden = pushed;
    username.hidden = pushed || !kind; // a file asks nobody for a name
    password.hidden = !kind;
    if (url.input instanceof HTMLInputElement) url.input.placeholder = kind ? KINDS[kind].example : "";
    transport.hidden = kind !== "rtsp";
    loop.hidden = kind !== null; // only files end
    password.label = pushed ? "form.token" : "form.password";
    password.hint = pushed && !this.#camera ? "form.token.hint" : null;
    this.#test.hidden = pushed;
    this.#probe.clear();
  }

  #writeKept() {
    const camera = this.#camera;
    const moved = camera !== null && serverOf(this.#fields.url.input.value) !== serverOf(camera.url);
    const kept = Boolean(camera?.credentials) && !this.#forgotten && !moved;
    this.#kept.hidden = !camera?.credentials;
    this.#forget.hidden = !kept;
    const [hint] = this.#kept.children;
    if (hint) say(hint, moved ? "form.elsewhere" : kept ? "form.kept.hint" : "form.forgotten");
    for (const field of [this.#fields.username, this.#fields.password]) {
      if (field.input instanceof HTMLInputElement) field.input.placeholder = kept ? t("form.kept") : "";
    }
  }

  /** @returns {Values} */
  #values() {
    const { name, url, username, password, labels, transport, look_rate, motion_gate, loop, enabled } = this.#fields;
    return {
      kind: this.#kind, name: name.input.value, url: url.input.value, username: username.input.value, password: password.input.value,
      forget: this.#forgotten, transport: transport.input.value, look_rate: look_rate.input.value, labels: labels.input.value,
      motion_gate: check(motion_gate).checked, loop: check(loop).checked, enabled: check(enabled).checked,
    };
  }

  /** @param {string} name @returns {import("./vigie-field.js").VigieField | undefined} */
  #field(name) {
    /** @type {Record<string, import("./vigie-field.js").VigieField>} */
    const fields = this.#fields;
    return fields[name];
  }

  /** @returns {boolean} whether all fields can be sent, as far as the page can tell @param {string[]} [only] */
  #right(only) {
    this.#error.hidden = true;
    for (const field of Object.values(this.#fields)) field.right();
    const mistakes = mistakesOf(this.#values(), this.#camera).filter(({ field }) => !only || only.includes(field));
    for (const { field, key, values } of mistakes) this.#field(field)?.wrong(key, values);
    this.#focusWrong();
    return !mistakes.length;
  }

  async submit() {
    if (this.#saving || !this.#right()) return;
    this.#trying?.abort();
    this.#busy(true);
    try {
      const changes = changesOf(this.#values(), this.#camera);
      const camera = this.#camera ? await this.#api.changeCamera(this.#camera.name, changes) : await this.#api.addCamera(changes);
      this.dispatchEvent(new CustomEvent("saved", { detail: camera }));
      this.close();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#refused(error);
    } finally {
      this.#busy(false);
    }
  }

  async #try() {
    if (!this.#right(["url"])) return;
    this.#trying?.abort();
    const trying = (this.#trying = new AbortController());
    this.#probe.working();
    this.#probe.scrollIntoView({ block: "nearest" });
    const { name, ...changes } = changesOf(this.#values(), this.#camera);
    try {
      const asked = this.#camera ? { camera: this.#camera.name, ...changes } : changes;
      const result = await this.#api.probeCamera(asked, trying.signal);
      if (trying.signal.aborted) return;
      this.#probe.show(result);
      if (result.ok && document.activeElement === this.#test) this.#save.focus({ preventScroll: true });
    } catch (error) {
      if (trying.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#probe.clear();
      this.#refused(error);
    }
    this.#probe.scrollIntoView({ block: "nearest" });
  }

  /** @param {Problem} problem each complaint goes to its field */
  #refused(problem) {
    if (problem.slug === "camera-exists") this.#fields.name.wrong("form.error.exists");
    else if (problem.slug === "camera-url-not-allowed") this.#fields.url.wrong("form.error.not-allowed", {}, problem.detail);
    let left = problem.errors.length ? 0 : 1;
    for (const { field, detail } of problem.errors) {
      const [name = ""] = field.split(".");
      const key = `form.error.${name}`;
      const place = this.#field(name);
      if (place) place.wrong(known(key) ? key : "form.error.other", {}, detail);
      else left += 1;
    }
    const placed = this.#focusWrong();
    this.#error.hidden = placed > 0 && left === 0;
    this.#error.textContent = problemWords(problem);
    if (!placed) this.#error.scrollIntoView({ block: "nearest" });
  }

  /** @returns {number} how many fields are wrong */
  #focusWrong() {
    const wrong = Object.values(this.#fields).filter(({ input }) => input.hasAttribute("aria-invalid"));
    if (wrong.some((field) => this.#more.contains(field))) this.#more.open = true;
    wrong[0]?.input.focus();
    return wrong.length;
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#saving = busy;
    this.#save.disabled = this.#test.disabled = busy;
    const [label] = this.#save.children;
    if (busy && label) say(label, "form.saving");
    else this.#sayIdle();
  }

  #sayIdle() {
    const [label] = this.#save.children;
    if (label) say(label, this.#camera ? "form.save" : "form.create");
  }

  /** @param {Kind} kind */
  #option(kind) {
    const id = `camera-kind-${kind}`;
    const input = h("input", { type: "radio", name: "camera-kind", id, value: kind, class: "segment-input", testid: id });
    this.#kinds.set(kind, input);
    input.onchange = () => {
      const { input: url } = this.#fields.url;
      if (kindOf(url.value) && kindOf(url.value) !== kind) url.value = "";
      this.#choose(kind);
    };
    return [input, h("label", { class: "kind", for: id }, h("strong", { t: `form.kind.${kind}` }), h("span", { class: "hint", t: `form.kind.${kind}.text` }))];
  }
}

/** @param {import("./vigie-field.js").VigieField} field */
function check({ input }) {
  return /** @type {HTMLInputElement} */ (input);
}

// <vigie-area-editor>: the tools beside the picture for zones and masks, and their saving.
import { Problem } from "../api.js";
import { h, icon } from "../dom.js";
import { languages, say } from "../i18n/i18n.js";
import { AreaDraft } from "../fleet/area-draft.js";
import { FEWEST, Areas } from "../fleet/areas.js";
import { problemWords } from "../fleet/problem-words.js";
import { VigieAreas } from "./vigie-areas.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {import("../fleet/areas.js").Kind} Kind */

export class VigieAreaEditor extends HTMLElement {
  #draft = new AreaDraft();
  layer = new VigieAreas(this.#draft);
  #api;
  #name = "";
  #add = { zone: button("editor.zone.add", "plus", "add-zone"), mask: button("editor.mask.add", "plus", "add-mask") };
  #finish = button("editor.close", "check", "finish-area");
  #undo = button("editor.undo", "undo", "undo");
  #delete = button("editor.delete", "trash", "delete-area");
  #save = h("button", { class: "button is-primary is-compact", type: "button", testid: "save-areas" }, h("span", { t: "editor.save" }));
  #cancel = h("button", { class: "button is-compact", type: "button", testid: "cancel-areas" }, h("span"));
  #now = h("p", { class: "editor-now", role: "status", testid: "editor-now" });
  #state = h("p", { class: "editor-state", role: "status", testid: "editor-state" });
  #list = h("ul", { class: "area-list", label: "editor.list" });
  #saving = false;

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("card", "editor");
    this.dataset.testid = "editor";
    this.append(
      h("h2", { class: "card-title", t: "editor.title" }),
      h("div", { class: "editor-tools" }, this.#add.zone, this.#add.mask, this.#finish, this.#undo, this.#delete),
      this.#now,
      this.#list,
      h("div", { class: "editor-notes" }, h("p", { class: "hint", t: "editor.zone.text" }), h("p", { class: "hint", t: "editor.mask.text" }), h("p", { class: "hint editor-keys", t: "editor.keys" })),
      h("div", { class: "editor-ends" }, this.#save, this.#cancel, this.#state),
    );
    for (const kind of /** @type {const} */ (["zone", "mask"])) this.#add[kind].onclick = () => this.#draw(kind);
    this.#finish.onclick = () => this.#draft.finish();
    this.#undo.onclick = () => this.#draft.takeBack();
    this.#delete.onclick = () => this.#draft.remove();
    this.#save.onclick = () => void this.#store();
    this.#cancel.onclick = () => this.#leave();
    this.#draft.on("change", () => this.#changed());
    this.layer.addEventListener("held", () => this.#write());
    for (const part of [this, this.layer]) part.addEventListener("keydown", (event) => this.#pressed(event));
    languages.on("change", () => this.#write());
    this.#write();
  }

  get dirty() {
    return !this.hidden && this.#draft.changed;
  }

  /** @param {ServerCamera} camera */
  open(camera) {
    this.#name = camera.name;
    this.#draft.open(new Areas(camera.zones ?? [], camera.masks ?? []));
    this.hidden = this.layer.hidden = false;
    this.#say("editor.clean", "clean");
    this.#write();
    this.#add.zone.focus({ preventScroll: true });
  }

  close() {
    this.hidden = this.layer.hidden = true;
  }

  /** @param {Kind} kind */
  #draw(kind) {
    this.#draft.draw(kind);
    this.layer.begin();
  }

  #leave() {
    this.close();
    this.dispatchEvent(new CustomEvent("leave"));
  }

  async #store() {
    if (this.#saving) return;
    this.#draft.finish();
    this.#draft.drawing = null;
    this.#saving = true;
    this.#say("editor.saving", "saving");
    this.#write();
    const { areas } = this.#draft;
    try {
      const camera = await this.#api.changeCamera(this.#name, { zones: areas.of("zone"), masks: areas.of("mask") });
      areas.saved();
      this.#say("editor.saved", "saved");
      this.dispatchEvent(new CustomEvent("saved", { detail: camera }));
    } catch (error) {
      if (error instanceof Problem) this.#failed(error);
      else throw error;
    } finally {
      this.#saving = false;
      this.#write();
    }
  }

  /** @param {Problem} problem */
  #failed(problem) {
    const [, kind, number] = /^(zone|mask)s\.(\d+)/.exec(problem.errors[0]?.field ?? "") ?? [];
    const indices = this.#draft.areas.list.flatMap((area, index) => (area.kind === kind ? [index] : []));
    const index = indices[Number(number)];
    if (index !== undefined) this.#draft.select(index);
    this.#state.dataset.state = "failed";
    say(this.#state, "editor.failed", { detail: problem.errors[0]?.detail ?? problemWords(problem) });
  }

  #changed() {
    if (this.dirty) this.#say("editor.dirty", "dirty");
    else this.#say("editor.clean", "clean");
    this.#write();
  }

  /** @param {"editor.dirty" | "editor.clean" | "editor.saving" | "editor.saved"} key @param {string} state */
  #say(key, state) {
    say(this.#state, key);
    this.#state.dataset.state = state;
  }

  #write() {
    const { drawing, selected } = this.#draft;
    const count = drawing?.points.length ?? 0;
    this.#add.zone.disabled = this.#add.mask.disabled = drawing !== null || this.#saving;
    this.#finish.hidden = !drawing;
    this.#finish.disabled = count < FEWEST;
    this.#undo.disabled = !drawing && !this.#draft.areas.undoable;
    this.#delete.hidden = drawing !== null;
    this.#delete.disabled = selected === null;
    const label = this.#delete.lastElementChild;
    if (label) say(label, this.#draft.corner === null ? "editor.delete" : "editor.delete.point");
    this.#save.disabled = this.#saving || !this.dirty;
    const leave = this.#cancel.firstElementChild;
    if (leave) say(leave, this.dirty ? "editor.cancel" : "form.close");
    if (drawing && count >= FEWEST) say(this.#now, "editor.drawing.ready", { count });
    else if (drawing && count) say(this.#now, "editor.drawing.points", { count });
    else if (drawing) say(this.#now, "editor.drawing");
    else if (selected !== null) say(this.#now, "editor.selected", { name: this.#draft.name(selected) });
    else say(this.#now, "editor.choose");
    this.#writeList(selected);
  }

  /** @param {number | null} selected */
  #writeList(selected) {
    const focused = [...this.#list.children].findIndex((item) => item.contains(document.activeElement));
    this.#list.replaceChildren(
      ...this.#draft.areas.list.map(({ kind }, index) => {
        const choose = h("button", { class: `area-item is-${kind}`, type: "button", "aria-pressed": String(index === selected) }, h("span", { class: "area-swatch", "aria-hidden": "true" }), this.#draft.name(index));
        choose.onclick = () => this.#draft.select(index === selected ? null : index);
        return h("li", {}, choose);
      }),
    );
    const again = this.#list.children[focused]?.firstElementChild;
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
    this.#list.hidden = !this.#draft.areas.list.length;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    const save = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
    if (!undo && !save) return;
    event.preventDefault();
    if (undo) this.#draft.takeBack();
    else if (this.dirty) void this.#store();
  }
}

/** @param {import("../i18n/i18n.js").Key} key @param {string} symbol @param {string} testid */
function button(key, symbol, testid) {
  return h("button", { class: "button is-compact", type: "button", testid }, icon(symbol), h("span", { t: key }));
}

// <vigie-dialog>: what every dialog has in common: opens over the page, Escape closes, the focus comes back.
import { h, icon } from "../dom.js";

export class VigieDialog extends HTMLElement {
  heading = h("h2", { class: "dialog-title", id: "dialog-title" });
  body = h("div", { class: "dialog-body" });
  foot = h("div", { class: "dialog-foot" });
  #close = h("button", { class: "icon-button", type: "button", label: "form.close", testid: "dialog-close" }, icon("close"));
  form = h("form", { method: "dialog", class: "dialog-form", novalidate: true });
  dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
  /** @type {Element | null} */
  #before = null;

  connectedCallback() {
    if (this.childElementCount) return;
    this.form.append(h("div", { class: "dialog-head" }, this.heading, this.#close), this.body, this.foot);
    this.dialog.append(this.form);
    this.append(this.dialog);
    this.#close.onclick = () => this.close();
    this.form.onsubmit = (event) => {
      event.preventDefault();
      void this.submit();
    };
    this.dialog.addEventListener("close", () => {
      this.closed();
      if (this.#before instanceof HTMLElement && this.#before.isConnected) this.#before.focus({ preventScroll: true });
      this.remove();
    });
    // A press that begins on the backdrop and ends there; a selection dragged out of a field is none.
    let outside = false;
    this.dialog.addEventListener("pointerdown", ({ target }) => (outside = target === this.dialog));
    this.dialog.addEventListener("click", ({ target }) => outside && target === this.dialog && this.dismissed());
  }

  /** @param {HTMLElement} [focus] */
  open(focus) {
    this.#before = document.activeElement;
    (document.fullscreenElement ?? document.body).append(this);
    this.dialog.showModal();
    focus?.focus();
  }

  close() {
    this.dialog.close();
  }

  /** A press beside the dialog: what was typed must not be lost by it. */
  dismissed() {}

  /** The dialog has closed. */
  closed() {}

  /** Enter, or the main button. @returns {Promise<void>} */
  async submit() {
    this.close();
  }
}

// A button that copies a text, and says that it did.
import { h, icon } from "../dom.js";
import { say } from "../i18n/i18n.js";

const COPIED_MS = 2000;

/** @param {() => string} text @param {string} testid @returns {HTMLButtonElement} */
export function copyButton(text, testid) {
  const word = h("span", { class: "visually-hidden", role: "status" });
  const sign = h("span", { class: "copy-sign" }, icon("copy"));
  const button = h("button", { class: "copy-button", type: "button", testid, label: "whip.copy", hint: "whip.copy" }, sign, word);
  button.onclick = async () => {
    const done = await copy(text());
    sign.replaceChildren(icon(done ? "check" : "warning"));
    say(word, done ? "whip.copied" : "copy.failed");
    setTimeout(() => {
      sign.replaceChildren(icon("copy"));
      word.replaceChildren();
    }, COPIED_MS);
  };
  return button;
}

/** @param {string} text @returns {Promise<boolean>} */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Only secure pages may write to the clipboard; a selection may still be copied.
    const field = h("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    field.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    const before = document.activeElement;
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    return done;
  }
}

// Opens the dialogs about cameras and tells the fleet what came of them.
import { VigieCameraForm } from "../components/vigie-camera-form.js";
import { VigieRemove } from "../components/vigie-remove.js";
import { VigieWhip } from "../components/vigie-whip.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */

export class Dialogs {
  #api;
  #fleet;

  /** @param {import("../api.js").Api} api @param {import("./fleet.js").Fleet} fleet */
  constructor(api, fleet) {
    this.#api = api;
    this.#fleet = fleet;
  }

  add() {
    const form = new VigieCameraForm(this.#api, null);
    form.addEventListener("saved", (event) => {
      const { whip, ...camera } = /** @type {CustomEvent} */ (event).detail;
      this.#fleet.put(camera);
      // Only now, as the closing form gives the focus back to the page.
      if (whip) setTimeout(() => new VigieWhip(camera.name, this.#api.address(whip.path), whip.token).open());
    });
    form.begin();
  }

  /** @param {string} name */
  edit(name) {
    const camera = this.#fleet.get(name);
    if (!camera) return;
    const form = new VigieCameraForm(this.#api, camera);
    form.addEventListener("saved", (event) => this.#fleet.put(/** @type {CustomEvent} */ (event).detail));
    form.begin();
  }

  /** @param {string} name @param {() => void} then */
  remove(name, then) {
    const camera = this.#fleet.get(name);
    if (!camera) return;
    const question = new VigieRemove(this.#api, camera);
    question.addEventListener("removed", () => {
      then();
      this.#fleet.remove(name);
    });
    question.begin();
  }
}

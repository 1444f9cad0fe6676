// <vigie-camera-facts>: what one camera is, and what became of its frames, in plain words.
import { h } from "../dom.js";
import { known, language, languages, percent, quote, say } from "../i18n/i18n.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */

const SHARES = /** @type {const} */ (["looked", "still", "rate", "busy", "lost"]);
const FACTS = /** @type {const} */ (["kind", "url", "video", "areas", "labels", "viewers", "origin"]);

export class VigieCameraFacts extends HTMLElement {
  /** @type {Map<string, HTMLElement>} */
  #facts = new Map();
  /** @type {Map<string, { share: HTMLElement, bar: HTMLElement, item: HTMLElement }>} */
  #shares = new Map();
  #total = h("span", { class: "count" });
  #none = h("p", { class: "hint", t: "camera.looks.none" });
  #list = h("ul", { class: "shares", testid: "shares" });
  /** @type {ServerCamera | null} */
  #camera = null;

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("camera-facts");
    const facts = FACTS.map((name) => {
      const value = h("dd", { testid: `fact-${name}` });
      this.#facts.set(name, value);
      return h("div", {}, h("dt", { t: `camera.${name}` }), value);
    });
    for (const name of SHARES) this.#list.append(this.#share(name));
    const looks = h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", { class: "card-title", t: "camera.looks" }), this.#total), this.#none, this.#list);
    this.append(looks, h("section", { class: "card" }, h("h2", { class: "card-title", t: "camera.details" }), h("dl", { class: "facts" }, ...facts)));
    languages.on("change", () => this.#write());
  }

  /** @param {ServerCamera} camera */
  set camera(camera) {
    this.#camera = camera;
    this.#write();
  }

  /** @param {typeof SHARES[number]} name */
  #share(name) {
    const share = h("span", { class: "share-value" });
    const bar = h("span", { class: "score-bar" });
    const hint = name === "looked" ? null : h("span", { class: "hint", t: `camera.looks.${name}.text` });
    const item = h("li", { class: `share share-${name}` }, h("span", { class: "share-name", t: `camera.looks.${name}` }), share, h("span", { class: "score", "aria-hidden": "true" }, bar), hint);
    item.dataset.cause = name;
    this.#shares.set(name, { share, bar, item });
    return item;
  }

  #write() {
    const camera = this.#camera;
    if (!camera || !this.childElementCount) return;
    this.#writeShares(camera);
    const put = (/** @type {string} */ name, /** @type {string} */ text) => {
      const element = this.#facts.get(name);
      if (!element) return;
      quote(element, text);
      element.parentElement?.toggleAttribute("hidden", !text);
    };
    const kind = /** @type {import("../i18n/i18n.js").Key} */ (`camera.kind.${camera.kind}`);
    const kindFact = this.#facts.get("kind");
    if (kindFact && known(kind)) say(kindFact, kind);
    put("url", camera.kind === "whip" ? "" : camera.url);
    put("labels", (camera.labels ?? []).join(", "));
    put("viewers", String(camera.viewers ?? ""));
    const video = this.#facts.get("video");
    if (camera.width && video) say(video, "camera.video.value", { codec: codecName(camera.codec), width: String(camera.width), height: String(camera.height) });
    video?.parentElement?.toggleAttribute("hidden", !camera.width);
    const origin = this.#facts.get("origin");
    if (origin && camera.origin) say(origin, `camera.origin.${camera.origin}`);
    this.#writeAreas(camera);
  }

  /** @param {ServerCamera} camera */
  #writeAreas({ zones = [], masks = [] }) {
    const zone = h("span");
    const mask = h("span");
    if (zones.length) say(zone, "camera.areas.zones", { count: zones.length });
    else say(zone, "camera.areas.none");
    if (masks.length) say(mask, "camera.areas.masks", { count: masks.length });
    this.#facts.get("areas")?.replaceChildren(zone, ...(masks.length ? [", ", mask] : []));
  }

  /** @param {ServerCamera} camera */
  #writeShares({ frames }) {
    const { seen = 0, looked_at = 0, skipped = null } = frames ?? {};
    this.#none.hidden = seen > 0;
    this.#list.hidden = this.#total.hidden = !seen;
    if (!seen) return;
    say(this.#total, "camera.looks.share", { share: share(looked_at / seen), seen: new Intl.NumberFormat(language()).format(seen) });
    for (const [name, { share: text, bar, item }] of this.#shares) {
      const count = name === "looked" ? looked_at : (skipped?.[/** @type {keyof NonNullable<typeof skipped>} */ (name)] ?? 0);
      item.dataset.count = String(count);
      text.textContent = share(count / seen);
      bar.style.setProperty("--score", String(count / seen));
    }
  }
}

/** Little is not nothing. @param {number} fraction */
function share(fraction) {
  return fraction > 0 && fraction < 0.01 ? `< ${percent(0.01)}` : percent(fraction);
}

/** @param {string | null} codec */
function codecName(codec) {
  const names = { h264: "H.264", hevc: "H.265", h265: "H.265", mjpeg: "MJPEG", vp8: "VP8", vp9: "VP9", av1: "AV1" };
  return names[/** @type {keyof typeof names} */ (codec ?? "")] ?? codec?.toUpperCase() ?? "–";
}

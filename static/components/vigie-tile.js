// <vigie-tile>: one camera of the wall: its picture or why there is none, its name, state and figures.
import { h, icon } from "../dom.js";
import { languages, say, t } from "../i18n/i18n.js";
import { MJPEG_RATE, SNAPSHOT_RATE } from "../fleet/picture-player.js";
import { TilePlayer } from "../fleet/player.js";
import { stateKey } from "../fleet/words.js";
import { VigieAway } from "./vigie-away.js";

/** @typedef {import("../types.js").ServerCamera} ServerCamera */
/** @typedef {import("../fleet/player.js").Link} Link */

const OFF = new Set(["stopped", "ended"]);

export class VigieTile extends HTMLElement {
  #player;
  #camera;
  #watched = false;
  #stale = false;
  #name = h("a", { class: "tile-name", tabindex: -1 });
  #word = h("span", { class: "tile-word", testid: "tile-word" });
  #looks = h("span", { class: "tile-figure" });
  #delay = h("span", { class: "tile-figure" });
  #way = h("span", { class: "tag tile-way", testid: "tile-way", hidden: true });
  #away = new VigieAway();
  #loadingText = h("p", { class: "panel-text" });
  #loading = h("div", { class: "tile-loading" }, h("span", { class: "spinner", "aria-hidden": "true" }), this.#loadingText);
  #view = h("div", { class: "tile-view" });
  /** @type {() => void} */
  #forget = () => {};

  /**
   * @param {import("../api.js").Api} api
   * @param {ServerCamera} camera
   * @param {"full" | "small"} size
   * @param {import("../fleet/ways.js").Ways} ways
   */
  constructor(api, camera, size, ways) {
    super();
    this.#camera = camera;
    this.#player = new TilePlayer(api, camera.name, size, ways);
  }

  connectedCallback() {
    if (!this.childElementCount) this.#build();
    this.#forget = languages.on("change", () => this.#write());
    this.#write();
  }

  disconnectedCallback() {
    this.#forget();
  }

  get camera() {
    return this.#camera;
  }

  /** @param {ServerCamera} camera */
  set camera(camera) {
    this.#camera = camera;
    this.#player.sourceLive = camera.state === "live";
    if (this.isConnected) this.#write();
    this.#run();
  }

  /** Whether nothing was heard of it for a while: old figures would look like live ones. @param {boolean} stale */
  set stale(stale) {
    if (this.#stale === stale) return;
    this.#stale = stale;
    this.#write();
  }

  /** Whether anybody can see it. @param {boolean} watched */
  set watched(watched) {
    this.#watched = watched;
    this.#run();
  }

  close() {
    this.#player.close();
    this.remove();
  }

  #build() {
    const { video, image } = this.#player;
    this.classList.add("tile");
    this.setAttribute("role", "group");
    this.tabIndex = -1;
    this.dataset.testid = "tile";
    this.dataset.camera = this.#camera.name;
    this.#name.href = `#camera/${encodeURIComponent(this.#camera.name)}`;
    this.#name.textContent = this.#camera.name;
    this.#name.title = this.#camera.name;
    video.className = image.className = "tile-media";
    video.dataset.testid = "tile-video";
    for (const media of [video, image]) media.setAttribute("aria-hidden", "true"); // the tile's own label says it all
    this.#away.controls = true;
    this.#view.append(video, image, this.#loading, this.#away);
    const figures = h("span", { class: "tile-figures" }, this.#way, this.#looks, this.#delay);
    const word = h("span", { class: "tile-state" }, icon("warning"), this.#word);
    this.append(this.#view, h("div", { class: "tile-words" }, this.#name, word, figures));
    this.#player.on("link", (link) => this.#linked(link));
    for (const name of /** @type {const} */ (["stats", "event"])) {
      this.#player.on(name, (/** @type {unknown} */ detail) => this.dispatchEvent(new CustomEvent(`player-${name}`, { detail })));
    }
  }

  #run() {
    if (this.#watched && !OFF.has(this.#camera.state)) this.#player.play();
    else if (this.#player.link.name !== "idle") this.#player.pause();
  }

  /** @param {Link} link */
  #linked(link) {
    this.dataset.link = link.name;
    this.dataset.way = link.way;
    this.#view.classList.toggle("is-video", link.name === "live" && link.way === "webrtc");
    this.#view.classList.toggle("is-pictures", link.name === "live" && link.way !== "webrtc");
    say(this.#loadingText, link.name === "lost" ? "tile.lost" : "tile.loading");
    this.#write();
  }

  #write() {
    const camera = this.#camera;
    const live = camera.state === "live";
    const { link } = this.#player;
    const word = this.#stale && !camera.suspicion ? "tile.unknown" : stateKey(camera);
    this.dataset.state = this.#stale ? "unknown" : camera.state;
    this.dataset.suspicion = camera.suspicion ?? "";
    say(this.#word, word);
    say(this, "tile.label", { camera: camera.name, state: t(word) }, "aria-label");
    if (live) this.#away.hidden = true;
    else this.#away.show(camera);
    this.#loading.hidden = !live || link.name === "live";
    this.#looks.hidden = this.#delay.hidden = !live || this.#stale;
    say(this.#looks, "tile.looks", { count: Math.round(camera.looks_per_second * 10) / 10 });
    this.#delay.hidden ||= camera.delay_ms === null;
    if (camera.delay_ms) say(this.#delay, "tile.delay", { count: Math.round(camera.delay_ms.median) });
    this.#writeWay(link, live);
  }

  /** @param {Link} link @param {boolean} live */
  #writeWay(link, live) {
    this.#way.hidden = !live || link.name !== "live" || link.way === "webrtc";
    if (this.#way.hidden || link.way === "webrtc") return;
    const count = link.way === "mjpeg" ? MJPEG_RATE : SNAPSHOT_RATE;
    say(this.#way, `tile.way.${link.way}`, { count });
    say(this.#way, `tile.way.${link.why ?? "blocked"}`, { count }, "title");
  }
}

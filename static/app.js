// The page's composition root: defines the elements, joins them to the server, and shows one view at a time.
import { Api } from "./api.js";
import { VigieDrop } from "./components/vigie-drop.js";
import { VigieEvents } from "./components/vigie-events.js";
import { VigieFindings } from "./components/vigie-findings.js";
import { VigieHeader } from "./components/vigie-header.js";
import { VigieLive } from "./components/vigie-live.js";
import { VigiePicture } from "./components/vigie-picture.js";
import { VigieReadings } from "./components/vigie-readings.js";
import { VigieSource } from "./components/vigie-source.js";
import { VigieStage } from "./components/vigie-stage.js";
import config from "./config.js";
import { h } from "./dom.js";
import { languages, t } from "./i18n/i18n.js";

const ASK_MS = 10_000;
const ASK_AGAIN_MS = 3000; // while the server is starting or away

const elements = {
  "vigie-stage": VigieStage,
  "vigie-source": VigieSource,
  "vigie-readings": VigieReadings,
  "vigie-events": VigieEvents,
  "vigie-drop": VigieDrop,
  "vigie-findings": VigieFindings,
  "vigie-header": VigieHeader,
  "vigie-live": VigieLive,
  "vigie-picture": VigiePicture,
};
for (const [name, element] of Object.entries(elements)) customElements.define(name, element);

const api = new Api(config.api);
const header = new VigieHeader();
const live = new VigieLive();
const picture = new VigiePicture();
const skip = h("a", { class: "skip", href: "#main", t: "app.skip" });
const main = h("main", { id: "main", tabindex: -1 }, live, picture);
document.body.prepend(skip, header, main);
live.api = api;
picture.api = api;

function showView() {
  const view = location.hash === "#picture" ? "picture" : "live";
  live.hidden = view !== "live";
  picture.hidden = view !== "picture";
  header.view = view;
}

function entitle() {
  document.title = t("app.title");
}

async function ask() {
  try {
    const info = await api.server();
    header.server = info;
    picture.limits = info.limits;
    live.cameras = await api.cameras();
    return info.ready ? ASK_MS : ASK_AGAIN_MS;
  } catch {
    header.condition = "down";
    return ASK_AGAIN_MS;
  }
}

async function keepAsking() {
  const wait = document.hidden ? ASK_MS : await ask();
  setTimeout(keepAsking, wait);
}

skip.onclick = (event) => {
  event.preventDefault(); // the address names the view, not the place on the page
  main.focus();
};
live.addEventListener("running", () => (header.running = live.showing));
addEventListener("hashchange", showView);
languages.on("change", entitle);
showView();
entitle();
void keepAsking();

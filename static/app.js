// The page's composition root: defines the elements, joins them to the server, and shows one view at a time.
import { Api } from "./api.js";
import { VigieAreaEditor } from "./components/vigie-area-editor.js";
import { VigieAreas } from "./components/vigie-areas.js";
import { VigieAway } from "./components/vigie-away.js";
import { VigieCamera } from "./components/vigie-camera.js";
import { VigieCameraFacts } from "./components/vigie-camera-facts.js";
import { VigieCameraForm } from "./components/vigie-camera-form.js";
import { VigieDrop } from "./components/vigie-drop.js";
import { VigieEvents } from "./components/vigie-events.js";
import { VigieField } from "./components/vigie-field.js";
import { VigieFindings } from "./components/vigie-findings.js";
import { VigieHeader } from "./components/vigie-header.js";
import { VigieHistory } from "./components/vigie-history.js";
import { VigieLive } from "./components/vigie-live.js";
import { VigiePicture } from "./components/vigie-picture.js";
import { VigieProbe } from "./components/vigie-probe.js";
import { VigieReadings } from "./components/vigie-readings.js";
import { VigieRemove } from "./components/vigie-remove.js";
import { VigieSource } from "./components/vigie-source.js";
import { VigieStage } from "./components/vigie-stage.js";
import { VigieTile } from "./components/vigie-tile.js";
import { VigieWall } from "./components/vigie-wall.js";
import { VigieWallBlank } from "./components/vigie-wall-blank.js";
import { VigieWallTools } from "./components/vigie-wall-tools.js";
import { VigieWatch } from "./components/vigie-watch.js";
import { VigieWhip } from "./components/vigie-whip.js";
import config from "./config.js";
import { h } from "./dom.js";
import { alarmed } from "./fleet/choice.js";
import { Dialogs } from "./fleet/dialogs.js";
import { Fleet } from "./fleet/fleet.js";
import { languages, t } from "./i18n/i18n.js";
import { inAddress } from "./settings.js";

const ASK_MS = 10_000;
const ASK_AGAIN_MS = 3000; // while the server is starting or away

const elements = {
  "vigie-away": VigieAway,
  "vigie-stage": VigieStage,
  "vigie-source": VigieSource,
  "vigie-readings": VigieReadings,
  "vigie-events": VigieEvents,
  "vigie-drop": VigieDrop,
  "vigie-findings": VigieFindings,
  "vigie-header": VigieHeader,
  "vigie-live": VigieLive,
  "vigie-picture": VigiePicture,
  "vigie-tile": VigieTile,
  "vigie-wall-tools": VigieWallTools,
  "vigie-wall-blank": VigieWallBlank,
  "vigie-watch": VigieWatch,
  "vigie-wall": VigieWall,
  "vigie-camera": VigieCamera,
  "vigie-camera-facts": VigieCameraFacts,
  "vigie-history": VigieHistory,
  "vigie-areas": VigieAreas,
  "vigie-area-editor": VigieAreaEditor,
  "vigie-field": VigieField,
  "vigie-probe": VigieProbe,
  "vigie-camera-form": VigieCameraForm,
  "vigie-remove": VigieRemove,
  "vigie-whip": VigieWhip,
};
for (const [name, element] of Object.entries(elements)) customElements.define(name, element);

const api = new Api(config.api);
const fleet = new Fleet(api);
const header = new VigieHeader();
const live = new VigieLive();
const picture = new VigiePicture();
const wall = new VigieWall(api, fleet);
const camera = new VigieCamera(api, fleet);
const dialogs = new Dialogs(api, fleet);
const skip = h("a", { class: "skip", href: "#main", t: "app.skip" });
const main = h("main", { id: "main", tabindex: -1 }, wall, live, picture);
wall.hidden = live.hidden = picture.hidden = true;
document.body.prepend(skip, header, main);
live.api = api;
picture.api = api;

/** @typedef {import("./components/vigie-header.js").View} View */

/** What is shown where the address names no view; decided once, so that no view gives way to another by itself. @type {View} */
let first = "";

/** @returns {{ name: View | "camera", rest: string }} */
function viewOf() {
  const [, name = "", rest = ""] = /^#([a-z]+)(?:\/(.*))?$/.exec(location.hash) ?? [];
  if (name === "live" || name === "picture" || name === "wall") return { name, rest: "" };
  if (name === "camera" && rest) return { name, rest: plain(rest) };
  if (inAddress("camera")) return { name: "live", rest: "" };
  if (!first && fleet.known) first = fleet.cameras.length ? "wall" : "live";
  return { name: first || (fleet.reached ? "" : "live"), rest: "" };
}

/** @param {string} text of an address, which anybody may have written */
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showView() {
  const { name, rest } = viewOf();
  const before = camera.name;
  wall.shown = name === "wall";
  if (name === "camera") main.append(camera);
  else camera.remove();
  camera.camera = name === "camera" ? rest : "";
  live.hidden = name !== "live";
  picture.hidden = name !== "picture";
  header.view = name === "camera" ? "wall" : name;
  if (name === "wall" && before) wall.focusTile(before);
  entitle();
}

function entitle() {
  const count = alarmed(fleet.cameras).length;
  header.alarms = count;
  if (count) document.title = t("app.title.alarm", { count });
  else document.title = camera.name ? t("app.title.camera", { camera: camera.name }) : t("app.title");
}

function heard() {
  live.cameras = fleet.cameras;
  if (!location.hash) showView();
  else entitle();
}

async function ask() {
  try {
    const info = await api.server();
    header.server = info;
    picture.limits = info.limits;
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
wall.addEventListener("add", () => dialogs.add());
camera.addEventListener("edit", (event) => dialogs.edit(/** @type {CustomEvent} */ (event).detail));
camera.addEventListener("remove", (event) => {
  dialogs.remove(/** @type {CustomEvent} */ (event).detail, () => (location.hash = "#wall"));
});
live.addEventListener("running", () => (header.running = live.showing));
fleet.on("change", heard);
fleet.on("reach", (reached) => {
  if (!reached) header.condition = "down";
  if (!location.hash) showView();
});
addEventListener("hashchange", () => {
  if (!location.hash) first = "";
  showView();
});
languages.on("change", entitle);
showView();
void fleet.refresh();
void keepAsking();

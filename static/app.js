// The page's composition root: defines the elements, joins them to the server, and shows one view at a time.
import { AccessApi } from "./access/access-api.js";
import { Visitor } from "./access/visitor.js";
import { WebhooksApi } from "./alerts/webhooks-api.js";
import { Api } from "./api.js";
import { VigieAccess } from "./components/vigie-access.js";
import { VigieAreaEditor } from "./components/vigie-area-editor.js";
import { VigieAreas } from "./components/vigie-areas.js";
import { VigieAudit } from "./components/vigie-audit.js";
import { VigieAway } from "./components/vigie-away.js";
import { VigieCamera } from "./components/vigie-camera.js";
import { VigieCameraFacts } from "./components/vigie-camera-facts.js";
import { VigieCameraForm } from "./components/vigie-camera-form.js";
import { VigieChoices } from "./components/vigie-choices.js";
import { VigieClipBar } from "./components/vigie-clip-bar.js";
import { VigieDelivery } from "./components/vigie-delivery.js";
import { VigieDeliveryList } from "./components/vigie-delivery-list.js";
import { VigieDoctor } from "./components/vigie-doctor.js";
import { VigieDrop } from "./components/vigie-drop.js";
import { VigieEventFacts } from "./components/vigie-event-facts.js";
import { VigieEventFilter } from "./components/vigie-event-filter.js";
import { VigieEventPage } from "./components/vigie-event-page.js";
import { VigieEvents } from "./components/vigie-events.js";
import { VigieEvidence } from "./components/vigie-evidence.js";
import { VigieField } from "./components/vigie-field.js";
import { VigieFiles } from "./components/vigie-files.js";
import { VigieFindings } from "./components/vigie-findings.js";
import { VigieHeader } from "./components/vigie-header.js";
import { VigieHistory } from "./components/vigie-history.js";
import { VigieLive } from "./components/vigie-live.js";
import { VigieLogin } from "./components/vigie-login.js";
import { VigieModel } from "./components/vigie-model.js";
import { VigieModels } from "./components/vigie-models.js";
import { VigiePasswordForm } from "./components/vigie-password-form.js";
import { VigiePicture } from "./components/vigie-picture.js";
import { VigieProbe } from "./components/vigie-probe.js";
import { VigieQuestion } from "./components/vigie-question.js";
import { VigieReadings } from "./components/vigie-readings.js";
import { VigieReceivers } from "./components/vigie-receivers.js";
import { VigieRemove } from "./components/vigie-remove.js";
import { VigieScore } from "./components/vigie-score.js";
import { VigieSecret } from "./components/vigie-secret.js";
import { VigieSighting } from "./components/vigie-sighting.js";
import { VigieSignals } from "./components/vigie-signals.js";
import { VigieSource } from "./components/vigie-source.js";
import { VigieStage } from "./components/vigie-stage.js";
import { VigieStanding } from "./components/vigie-standing.js";
import { VigieTile } from "./components/vigie-tile.js";
import { VigieTimeline } from "./components/vigie-timeline.js";
import { VigieTokenForm } from "./components/vigie-token-form.js";
import { VigieTokens } from "./components/vigie-tokens.js";
import { VigieUserForm } from "./components/vigie-user-form.js";
import { VigieUsers } from "./components/vigie-users.js";
import { VigieVerdict } from "./components/vigie-verdict.js";
import { VigieWall } from "./components/vigie-wall.js";
import { VigieWallBlank } from "./components/vigie-wall-blank.js";
import { VigieWallTools } from "./components/vigie-wall-tools.js";
import { VigieWatch } from "./components/vigie-watch.js";
import { VigieWebhook } from "./components/vigie-webhook.js";
import { VigieWebhookForm } from "./components/vigie-webhook-form.js";
import { VigieWebhooks } from "./components/vigie-webhooks.js";
import { VigieWhip } from "./components/vigie-whip.js";
import config from "./config.js";
import { h } from "./dom.js";
import { EventList } from "./events/event-list.js";
import { EventsApi } from "./events/events-api.js";
import { listen } from "./events/listening.js";
import { News } from "./events/news.js";
import { Signals } from "./events/signals.js";
import { EventStream } from "./events/stream.js";
import { alarmed } from "./fleet/choice.js";
import { Dialogs } from "./fleet/dialogs.js";
import { Fleet } from "./fleet/fleet.js";
import { serverNow } from "./fleet/server-clock.js";
import { languages, t } from "./i18n/i18n.js";
import { ModelsApi } from "./models/models-api.js";
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
  "vigie-question": VigieQuestion,
  "vigie-signals": VigieSignals,
  "vigie-sighting": VigieSighting,
  "vigie-event-filter": VigieEventFilter,
  "vigie-timeline": VigieTimeline,
  "vigie-clip-bar": VigieClipBar,
  "vigie-evidence": VigieEvidence,
  "vigie-score": VigieScore,
  "vigie-verdict": VigieVerdict,
  "vigie-receivers": VigieReceivers,
  "vigie-event-facts": VigieEventFacts,
  "vigie-files": VigieFiles,
  "vigie-event": VigieEventPage,
  "vigie-choices": VigieChoices,
  "vigie-secret": VigieSecret,
  "vigie-webhook": VigieWebhook,
  "vigie-webhook-form": VigieWebhookForm,
  "vigie-delivery": VigieDelivery,
  "vigie-delivery-list": VigieDeliveryList,
  "vigie-webhooks": VigieWebhooks,
  "vigie-model": VigieModel,
  "vigie-models": VigieModels,
  "vigie-standing": VigieStanding,
  "vigie-login": VigieLogin,
  "vigie-access": VigieAccess,
  "vigie-users": VigieUsers,
  "vigie-user-form": VigieUserForm,
  "vigie-password-form": VigiePasswordForm,
  "vigie-tokens": VigieTokens,
  "vigie-token-form": VigieTokenForm,
  "vigie-audit": VigieAudit,
  "vigie-doctor": VigieDoctor,
};
for (const [name, element] of Object.entries(elements)) customElements.define(name, element);

const api = new Api(config.api);
const accessApi = new AccessApi(api);
const visitor = new Visitor(accessApi);
const fleet = new Fleet(api);
const header = new VigieHeader();
const live = new VigieLive();
const picture = new VigiePicture();
const wall = new VigieWall(api, fleet);
const camera = new VigieCamera(api, fleet);
const dialogs = new Dialogs(api, fleet);
const eventsApi = new EventsApi(api);
const webhooksApi = new WebhooksApi(api);
const stream = new EventStream(() => eventsApi.streamUrl());
const events = new EventList(eventsApi, stream);
const news = new News(stream, serverNow);
const signals = new Signals();
const timeline = new VigieTimeline(eventsApi, events, stream, fleet, signals);
const eventPage = new VigieEventPage(eventsApi, webhooksApi, events, stream, fleet);
const webhooks = new VigieWebhooks(webhooksApi, fleet);
const models = new VigieModels(new ModelsApi(api));
const access = new VigieAccess(accessApi, visitor);
const standing = new VigieStanding();
const skip = h("a", { class: "skip", href: "#main", t: "app.skip" });
const main = h("main", { id: "main", tabindex: -1 }, wall, live, picture, timeline, eventPage, webhooks, models, access);
for (const view of main.children) if (view instanceof HTMLElement) view.hidden = true;
document.body.prepend(skip, header, standing, main);
live.api = api;
picture.api = api;

/** @typedef {import("./components/vigie-header.js").View} View */

/** What is shown where the address names no view; decided once, so that no view gives way to another by itself. @type {View} */
let first = "";

/** What each view needs; the others are for everybody. @type {Record<string, string>} */
const NEEDS = { wall: "view", camera: "view", events: "view", event: "view", picture: "detect", webhooks: "alerts", models: "models" };

/** @returns {{ name: View | "camera" | "event", rest: string, query: string }} */
function viewOf() {
  const asked = askedView();
  const needed = NEEDS[asked.name];
  return needed && !visitor.may(needed) ? { name: visitor.may("view") ? "wall" : "access", rest: "", query: "" } : asked;
}

/** @returns {{ name: View | "camera" | "event", rest: string, query: string }} */
function askedView() {
  const [, name = "", rest = "", query = ""] = /^#([a-z]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(location.hash) ?? [];
  const view = (/** @type {View | "camera" | "event"} */ shown) => ({ name: shown, rest: plain(rest), query });
  if (name === "live" || name === "picture" || name === "wall" || name === "events" || name === "webhooks" || name === "models" || name === "access") return view(name);
  if ((name === "camera" || name === "event") && rest) return view(name);
  if (inAddress("camera")) return view("live");
  if (!first && fleet.known) first = fleet.cameras.length ? "wall" : "live";
  return view(first || (fleet.reached ? "" : "live"));
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
  const { name, rest, query } = viewOf();
  const { name: cameraBefore } = camera;
  const { event: eventBefore } = eventPage;
  if (name !== "events") timeline.hide(); // before the page gets another height
  wall.shown = name === "wall";
  if (name === "camera") main.append(camera);
  else camera.remove();
  camera.camera = name === "camera" ? rest : "";
  live.hidden = name !== "live";
  picture.hidden = name !== "picture";
  eventPage.back = timeline.address;
  eventPage.event = name === "event" ? rest : "";
  webhooks.shown = name === "webhooks" ? rest : null;
  models.shown = name === "models";
  access.shown = name === "access";
  header.view = name === "camera" ? "wall" : name === "event" ? "events" : name;
  if (name === "events") timeline.show(query);
  if (name === "events" && eventBefore) timeline.focusEvent(eventBefore);
  if (name === "wall" && cameraBefore) wall.focusTile(cameraBefore);
  look();
  entitle();
}

/** What is on the screen of somebody is news no more. */
function look() {
  const { name, rest } = viewOf();
  if (document.hidden) return;
  if (name === "events") news.allSeen();
  if (name === "event") news.seen(rest);
}

function entitle() {
  const count = alarmed(fleet.cameras).length;
  const { name } = viewOf();
  header.alarms = count;
  header.news = news.count;
  if (count) document.title = t("app.title.alarm", { count });
  else if (news.count) document.title = t("app.title.news", { count: news.count });
  else if (name === "event" && eventPage.name) document.title = t("app.title.event", { label: eventPage.name });
  else if (name === "events") document.title = t("app.title.events");
  else if (name === "webhooks") document.title = t("app.title.webhooks");
  else if (name === "models") document.title = t("app.title.models");
  else if (name === "access") document.title = t("app.title.access");
  else document.title = camera.name ? t("app.title.camera", { camera: camera.name }) : t("app.title");
}

function heard() {
  live.cameras = fleet.cameras;
  if (!location.hash) showView();
  else entitle();
}

async function ask() {
  if (!visitor.who) await visitor.enter();
  if (!visitor.welcome) return location.reload(), ASK_MS;
  try {
    const info = await api.server();
    header.server = info;
    standing.server = info;
    picture.limits = info.limits;
    webhooks.labels = info.model.labels;
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
models.addEventListener("changed", () => void ask());
live.addEventListener("running", () => (header.running = live.showing));
eventPage.addEventListener("written", entitle);
news.on("alarm", (event) => {
  fleet.raise(event.camera, "confirmed");
  void signals.raise(event);
  look();
});
news.on("change", entitle);
fleet.on("change", heard);
fleet.on("reach", (reached) => {
  if (!reached) header.condition = "down";
  else if (stream.listening) stream.restart(); // a line that hangs after the network was away is no line
  if (!location.hash) showView();
});
addEventListener("visibilitychange", () => look());
addEventListener("hashchange", () => {
  if (!visitor.welcome) return location.reload(); // a link with a token, opened where the login is shown
  if (!location.hash) first = "";
  showView();
});
languages.on("change", entitle);
void begin();

/** The server says first who this is; whoever it does not know sees the login and nothing else. */
async function begin() {
  await visitor.enter();
  if (!visitor.welcome) {
    header.bar();
    document.title = t("app.title");
    main.replaceChildren(new VigieLogin(accessApi, visitor.linkFailed));
    return;
  }
  api.onLoginRequired = () => location.reload(); // the login has ended
  await api.renewPass();
  showView();
  listen(stream);
  void fleet.refresh();
  void keepAsking();
}

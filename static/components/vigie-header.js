// <vigie-header>: name, views, the server's condition, language and theme.
import { h, icon } from "../dom.js";
import { language, say, speak } from "../i18n/i18n.js";
import { remember } from "../settings.js";

/** @typedef {"system" | "light" | "dark"} Theme */
/** @typedef {"" | "wall" | "events" | "live" | "picture" | "webhooks" | "models" | "access"} View */

/** @type {Theme[]} */
const THEMES = ["system", "light", "dark"];
const ICONS = { system: "system", light: "sun", dark: "moon" };

export class VigieHeader extends HTMLElement {
  #links = {
    wall: h("a", { class: "nav-link", href: "#wall", testid: "nav-wall", "data-needs": "view" }, h("span", { class: "nav-dot", "aria-hidden": "true" }), h("span", { t: "nav.wall" })),
    events: h("a", { class: "nav-link", href: "#events", testid: "nav-events", "data-needs": "view" }, h("span", { t: "nav.events" }), h("span", { class: "nav-badge", "aria-hidden": "true", hidden: true })),
    live: h("a", { class: "nav-link", href: "#live", testid: "nav-live" }, h("span", { class: "nav-dot", "aria-hidden": "true" }), h("span", { t: "nav.live" })),
    picture: h("a", { class: "nav-link", href: "#picture", testid: "nav-picture", "data-needs": "detect" }, h("span", { t: "nav.picture" })),
    webhooks: h("a", { class: "nav-link", href: "#webhooks", testid: "nav-webhooks", "data-needs": "alerts" }, h("span", { t: "nav.webhooks" })),
    models: h("a", { class: "nav-link", href: "#models", testid: "nav-models", "data-needs": "models" }, h("span", { t: "nav.models" })),
  };
  #server = h("span", { class: "server-word", t: "server.asking" });
  #model = h("span", { class: "server-model" });
  #condition = h("p", { class: "server", testid: "server" }, h("span", { class: "server-dot", "aria-hidden": "true" }), this.#server, this.#model);
  #account = h("a", { class: "icon-button account-link", href: "#access", testid: "nav-access", label: "nav.access", hint: "nav.access" }, icon("person"));
  #theme = h("button", { class: "icon-button", type: "button", testid: "theme" });
  #tongues = {
    en: h("button", { class: "tongue", type: "button", lang: "en", testid: "lang-en", "aria-label": "English" }, "EN"),
    fr: h("button", { class: "tongue", type: "button", lang: "fr", testid: "lang-fr", "aria-label": "Français" }, "FR"),
  };

  connectedCallback() {
    if (this.childElementCount) return;
    this.classList.add("header");
    this.append(
      h("a", { class: "brand", href: "#" }, h("img", { src: "icons/vigie.svg", alt: "", width: 32, height: 32 }), h("span", {}, "Vigie")),
      h("nav", { class: "nav", label: "app.views" }, ...Object.values(this.#links)),
      this.#condition,
      h("div", { class: "tools" }, h("div", { class: "tongues", role: "group", label: "language" }, this.#tongues.en, this.#tongues.fr), this.#theme, this.#account),
    );
    for (const tongue of /** @type {const} */ (["en", "fr"])) this.#tongues[tongue].onclick = () => this.#speak(tongue);
    this.#markTongue();
    this.#wear(this.#worn());
    this.#theme.onclick = () => {
      const next = THEMES[(THEMES.indexOf(this.#worn()) + 1) % THEMES.length] ?? "system";
      remember("theme", next === "system" ? null : next);
      this.#wear(next);
    };
    this.condition = "asking";
  }

  /** Before anybody is known, there is nowhere to go. */
  bar() {
    for (const link of [...Object.values(this.#links), this.#account, this.#condition]) link.hidden = true;
  }

  /** @param {View} view */
  set view(view) {
    for (const [name, link] of Object.entries({ ...this.#links, access: this.#account })) {
      if (name === view) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" }); // on a phone not all views have room
      } else link.removeAttribute("aria-current");
    }
  }

  /** @param {"off" | "on" | "alarm"} running */
  set running(running) {
    this.#links.live.dataset.running = running;
    say(this.#links.live, running === "off" ? "nav.live" : "nav.live.on", {}, "aria-label");
  }

  /** @param {number} count of cameras in alarm */
  set alarms(count) {
    this.#links.wall.dataset.running = count ? "alarm" : "off";
    say(this.#links.wall, count ? "nav.wall.alarm" : "nav.wall", { count }, "aria-label");
  }

  /** @param {number} count of confirmed events that nobody has looked at yet */
  set news(count) {
    const badge = this.#links.events.lastElementChild;
    badge?.toggleAttribute("hidden", !count);
    if (badge) badge.textContent = count > 99 ? "99+" : String(count);
    say(this.#links.events, count ? "nav.events.news" : "nav.events", { count }, "aria-label");
  }

  /** @param {"asking" | "ready" | "starting" | "down"} condition */
  set condition(condition) {
    this.#condition.dataset.condition = condition;
    say(this.#server, `server.${condition}`);
  }

  /** @param {import("../types.js").ServerInfo} info */
  set server(info) {
    this.condition = info.ready ? "ready" : "starting";
    say(this.#model, "server.model", { name: info.model.name, backend: info.model.backend });
  }

  /** @param {import("../i18n/i18n.js").Language} tongue */
  #speak(tongue) {
    remember("lang", tongue);
    speak(tongue);
    this.#markTongue();
  }

  #markTongue() {
    for (const [name, button] of Object.entries(this.#tongues)) button.setAttribute("aria-pressed", String(name === language()));
  }

  /** @returns {Theme} */
  #worn() {
    const worn = document.documentElement.dataset.theme;
    return worn === "light" || worn === "dark" ? worn : "system";
  }

  /** @param {Theme} theme */
  #wear(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    this.#theme.replaceChildren(icon(ICONS[theme]));
    say(this.#theme, `theme.${theme}`, {}, "aria-label");
    say(this.#theme, `theme.${theme}`, {}, "title");
  }
}

// The page of the API: reads the server's own description and shows it. Nothing comes from anywhere else.
import config from "../config.js";
import { fieldsOf, nameOf, typeOf } from "./schema.js";
import { words } from "./words.js";

/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {{ name: string, in: "path" | "query" | "header", description: string, required?: boolean, schema: Schema }} Parameter */
/** @typedef {Record<string, { schema?: Schema, example?: unknown }>} Content */
/** @typedef {{ lang: string, label: string, source: string }} Sample */
/** @typedef {{ operationId: string, tags: string[], summary: string, description: string, parameters: Parameter[], requestBody?: { content: Content }, responses: Record<string, { description: string, content?: Content }>, "x-codeSamples"?: Sample[] }} Operation */
/** @typedef {{ info: { version: string, description: string }, paths: Record<string, Record<string, Operation>>, components: { schemas: Record<string, Schema> } }} Description */

const base = config.api ? `${config.api.replace(/\/+$/, "")}/` : new URL("..", location.href).href;
const main = make("main", { class: "docs", tabindex: "-1" });

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Text in which `words` are code. @param {string} text */
function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** @param {string} text @param {HTMLElement} [action] */
function only(text, action) {
  main.replaceChildren(make("p", { class: "docs-only", role: "status" }, text), ...(action ? [action] : []));
}

/** @param {Schema | undefined} schema @param {Record<string, Schema>} all @returns {HTMLElement[]} */
function fields(schema, all) {
  const rows = fieldsOf(schema, all).map(([name, field, required]) =>
    make("li", {}, make("code", { class: "docs-name" }, name), " ", make("span", { class: "docs-type" }, typeOf(field)),
      ...(required ? [" ", make("span", { class: "docs-needed" }, words.needed)] : []),
      ...(field.description ? [make("span", { class: "docs-says" }, ...prose(field.description))] : [])));
  return rows.length ? [make("details", { class: "docs-fields" }, make("summary", {}, `${words.fields} (${rows.length})`), make("ul", {}, ...rows))] : [];
}

/** @param {Content | undefined} content @param {Record<string, Schema>} all @returns {HTMLElement[]} */
function contents(content, all) {
  return Object.entries(content ?? {}).flatMap(([kind, { schema, example }]) => [
    make("p", { class: "docs-kind" }, make("code", {}, kind), " ", make("span", { class: "docs-type" }, nameOf(schema))),
    ...(example === undefined ? [] : [make("pre", { tabindex: "0" }, JSON.stringify(example, null, 2))]),
    ...fields(schema, all),
  ]);
}

/** @param {Sample[]} samples @param {string} name @returns {HTMLElement[]} */
function examples(samples, name) {
  const code = make("pre", { tabindex: "0" }, samples[0]?.source ?? "");
  const copy = make("button", { class: "docs-button", type: "button" }, words.copy);
  copy.onclick = async () => {
    await navigator.clipboard.writeText(code.textContent ?? "");
    copy.textContent = words.copied;
  };
  const choices = samples.map(({ label, source }, index) => {
    const choice = make("input", { type: "radio", name, ...(index ? {} : { checked: "" }) });
    choice.onchange = () => {
      code.textContent = source;
      copy.textContent = words.copy;
    };
    return make("label", { class: "docs-choice" }, choice, label);
  });
  return [make("h4", {}, words.examples), make("div", { class: "docs-bar" }, make("div", { role: "group", "aria-label": words.examples }, ...choices), copy), code];
}

/** @param {Operation} operation @param {Record<string, Schema>} all */
function inside(operation, all) {
  /** @type {HTMLElement[]} */
  const parts = [make("p", {}, ...prose(operation.description))];
  if (operation.parameters.length) {
    const rows = operation.parameters.map((one) =>
      make("li", {}, make("code", { class: "docs-name" }, one.name), " ", make("span", { class: "docs-type" }, `${typeOf(one.schema)}, ${words.in[one.in]}`),
        make("span", { class: "docs-says" }, ...prose(one.description))));
    parts.push(make("h4", {}, words.takes), make("ul", {}, ...rows));
  }
  if (operation.requestBody) parts.push(make("h4", {}, words.body), ...contents(operation.requestBody.content, all));
  const told = Object.entries(operation.responses);
  const good = told.filter(([status]) => Number(status) < 400);
  const bad = told.filter(([status]) => Number(status) >= 400);
  parts.push(make("h4", {}, words.answers));
  for (const [status, answer] of good) {
    parts.push(make("p", {}, make("b", { class: "docs-status" }, status), " ", ...prose(answer.description)), ...contents(answer.content, all));
  }
  if (bad.length) {
    const rows = bad.map(([status, answer]) => make("li", {}, make("b", { class: "docs-status is-bad" }, status), " ", ...prose(answer.description)));
    parts.push(make("h4", {}, words.refusals), make("ul", {}, ...rows));
  }
  const samples = operation["x-codeSamples"];
  return samples ? [...parts, ...examples(samples, operation.operationId)] : parts;
}

/** @param {string} method @param {string} path @param {Operation} operation @param {Record<string, Schema>} all */
function entry(method, path, operation, all) {
  const details = make("details", { class: "docs-route", id: operation.operationId, "data-testid": "route" },
    make("summary", {}, make("span", { class: `docs-method is-${method}` }, method.toUpperCase()), make("code", { class: "docs-path" }, path), make("span", { class: "docs-summary" }, operation.summary)));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(make("div", { class: "docs-inside" }, ...inside(operation, all)));
  });
  return details;
}

/** @param {Description} description */
function show(description) {
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map();
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags[0] ?? "";
      groups.set(tag, [...(groups.get(tag) ?? []), entry(method, path, operation, description.components.schemas)]);
    }
  }
  const sections = [...groups].map(([tag, routes]) => make("section", { id: tag.replace(/ /g, "-") }, make("h2", {}, tag), ...routes));
  const none = make("p", { class: "docs-none", role: "status" });
  const find = make("input", { type: "search", class: "docs-find", placeholder: words.find, "aria-label": words.find, "data-testid": "find" });
  find.oninput = () => {
    const wanted = find.value.toLowerCase().split(/\s+/);
    for (const section of sections) {
      const routes = [...section.querySelectorAll("details.docs-route")];
      for (const route of routes) {
        const text = route.querySelector("summary")?.textContent?.toLowerCase() ?? "";
        route.toggleAttribute("hidden", !wanted.every((word) => text.includes(word)));
      }
      section.hidden = routes.every((route) => route.hasAttribute("hidden"));
    }
    none.textContent = sections.every((section) => section.hidden) ? words.none : "";
  };
  const links = sections.map((section) => make("a", { href: `#${section.id}` }, section.querySelector("h2")?.textContent ?? ""));
  main.replaceChildren(
    make("p", { class: "docs-about" }, ...prose(description.info.description)),
    make("nav", { class: "docs-groups", "aria-label": words.groups }, ...links),
    find, none, ...sections,
  );
  const named = location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (named instanceof HTMLDetailsElement) named.open = true;
  named?.scrollIntoView();
}

async function load() {
  only(words.asking);
  try {
    const answer = await fetch(`${base}api/v1/openapi.json`, { credentials: config.api ? "include" : "same-origin", signal: AbortSignal.timeout(15_000) });
    if (answer.status === 401) only(words.login, make("a", { class: "docs-button", href: "../" }, words.go));
    else if (answer.ok) show(await answer.json());
    else throw new Error(String(answer.status));
  } catch {
    const again = make("button", { class: "docs-button", type: "button" }, words.again);
    again.onclick = load;
    only(words.away, again);
  }
}

document.title = words.title;
document.body.append(
  make("header", { class: "docs-head" }, make("a", { href: "../" }, make("img", { src: "../icons/vigie.svg", alt: "", width: "28", height: "28" }), words.back),
    make("h1", {}, words.title), make("a", { href: `${base}api/v1/openapi.json` }, words.file)),
  main,
);
load();

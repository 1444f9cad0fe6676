// What is said of access: refusals, permissions, who and what the audit log names.
import { known, language, t } from "../i18n/i18n.js";

/** @param {import("../api.js").Problem} problem */
export function accessWords({ slug, detail, errors }) {
  const [first] = errors;
  const field = first && `access.problem.${first.field.split(".")[0]}`;
  if (field && known(field)) return t(field);
  for (const key of [`access.problem.${slug}`, `problem.${slug}`]) if (known(key) && slug !== "internal") return t(key);
  return detail && language() === "en" ? detail : [t("problem.camera"), detail].filter(Boolean).join(" ");
}

/** @param {{ role: string | null, permissions: string[] }} whose */
export function mayWords({ role, permissions }) {
  return role ? roleWord(role) : permissions.map((name) => word("scope", name)).join(", ");
}

/** @param {string} role */
export function roleWord(role) {
  return word("role", role);
}

/** @param {string} actor as the server writes it: user:anna */
export function actorWords(actor) {
  const [kind = "", ...name] = actor.split(":");
  const key = `access.actor.${kind.replace(" ", "-")}`;
  return known(key) ? t(key, { name: name.join(":") }) : actor;
}

/** @param {import("./access-api.js").AuditEntry} entry */
export function actionWords({ action }) {
  const key = `access.action.${action}`;
  return known(key) ? t(key) : action;
}

/** @param {"role" | "scope"} kind @param {string} name */
function word(kind, name) {
  const key = `access.${kind}.${name}`;
  return known(key) ? t(key) : name;
}

// What models, their states and what the server says of them are called.
import { known, language, t } from "../i18n/i18n.js";

/** @typedef {import("../types.js").Model} Model */
/** @typedef {"active" | "trial" | "stored" | "rolled-back" | "failed"} Standing */

/** @param {Model} model @returns {Standing} */
export function standingOf(model) {
  return model.state === "active" && model.on_trial ? "trial" : model.state;
}

/** A refusal; what is wrong with a file is the server's own sentence. @param {import("../api.js").Problem} problem */
export function refusalWords({ slug, detail }) {
  const key = `model.problem.${slug}`;
  if (slug === "invalid-model") return `${t("model.problem.invalid-model")} ${detail}`;
  if (known(key)) return t(key);
  const common = `problem.${slug}`;
  if (known(common) && slug !== "internal") return t(common);
  return detail && language() === "en" ? detail : [t("problem.camera"), detail].filter(Boolean).join(" ");
}

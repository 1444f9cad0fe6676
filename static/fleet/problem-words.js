// A server's refusal in the visitor's language.
import { known, language, t } from "../i18n/i18n.js";

/** @param {{ slug: string, detail: string }} problem */
export function problemWords({ slug, detail }) {
  const key = slug === "internal" ? "problem.camera" : `problem.${slug}`;
  if (known(key)) return t(key);
  return detail && language() === "en" ? detail : [t("problem.camera"), detail].filter(Boolean).join(" ");
}

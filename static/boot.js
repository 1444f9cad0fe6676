// Runs before the first paint, so that a remembered theme or language never flashes the other one.
// A classic script: modules run only after the page was laid out.
(() => {
  const asked = new URLSearchParams(location.search);
  const root = document.documentElement;
  /** @param {string} name */
  const remembered = (name) => {
    try {
      return localStorage.getItem(`vigie.${name}`);
    } catch {
      return null; // storage is refused in some private windows
    }
  };
  const theme = asked.get("theme") ?? remembered("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const lang = asked.get("lang") ?? remembered("lang") ?? navigator.language;
  root.lang = lang.toLowerCase().startsWith("fr") ? "fr" : "en";
})();

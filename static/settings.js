// What the visitor chose and this browser remembers; the address line wins and is never remembered.

const asked = new URLSearchParams(location.search);

/** @param {string} name */
export function inAddress(name) {
  return asked.get(name);
}

/** @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(`vigie.${name}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string | null} value null forgets
 */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`vigie.${name}`);
    else localStorage.setItem(`vigie.${name}`, value);
  } catch {
    // A browser that refuses storage still works, it only forgets.
  }
}

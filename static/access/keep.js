// The token of a page whose server is of another origin: kept for this tab alone, and gone with it.

const NAME = "vigie.token";

export class Keep {
  #token = "";

  constructor() {
    try {
      this.#token = sessionStorage.getItem(NAME) ?? "";
    } catch {
      // A browser that refuses storage asks for the login again after each reload.
    }
  }

  get() {
    return this.#token;
  }

  /** @param {string} token "" forgets it */
  put(token) {
    this.#token = token;
    try {
      if (token) sessionStorage.setItem(NAME, token);
      else sessionStorage.removeItem(NAME);
    } catch {
      // As above.
    }
  }
}

// Who looks at this page and what he may. What he may not is not shown: elements say with data-needs what they need.
import { Problem } from "../api.js";

/** @typedef {import("./access-api.js").Who} Who */

const ALL = ["view", "detect", "judge", "cameras", "alerts", "models", "access"];
const LINK = /^#token=([A-Za-z0-9_-]+)$/;

/** Whether this visitor may, for what reads no visitor: the element of the page says so. @param {string} permission */
export function mayHere(permission) {
  return (document.documentElement.dataset.may ?? "").split(" ").includes(permission);
}

export class Visitor {
  #api;
  /** @type {Who | null} null: the server has not answered yet */
  who = null;
  /** A link with a token was opened, and the token was not good. */
  linkFailed = false;

  /** @param {import("./access-api.js").AccessApi} api */
  constructor(api) {
    this.#api = api;
  }

  /** Whether the page may begin: not where the server wants to know first who this is. */
  get welcome() {
    return this.who === null || this.who.signed_in;
  }

  /** @param {string} permission */
  may(permission) {
    return this.who === null || (this.who.signed_in && this.who.permissions.includes(permission));
  }

  /** Asks the server; a token in the address is taken out of it at once and becomes a session. */
  async enter() {
    const [, token] = LINK.exec(location.hash) ?? [];
    if (token) history.replaceState(null, "", location.pathname + location.search);
    try {
      this.who = token ? await this.#exchange(token) : await this.#api.who();
    } catch (error) {
      if (!(error instanceof Problem)) throw error; // a server that is away or starting is asked again later
      if (error.slug === "wrong-token") this.who = { signed_in: false }; // the session that this page kept has ended
    }
    document.documentElement.dataset.may = (this.who === null ? ALL : this.who.signed_in ? this.who.permissions : []).join(" ");
  }

  /** @param {string} token */
  async #exchange(token) {
    try {
      return await this.#api.logIn({ token });
    } catch (error) {
      if (!(error instanceof Problem) || error.slug === "unreachable") throw error;
      this.linkFailed = true;
      return this.#api.who();
    }
  }
}

// The routes of access: logging in and out, users, tokens, the audit log.

/** @typedef {"viewer" | "operator" | "admin"} Role */
/** @typedef {{ signed_in: false } | { signed_in: true, kind: "local" | "user" | "token", name: string, role: Role | null, permissions: string[], expires_at: string | null }} Who */
/** @typedef {{ id: string, name: string, role: Role, created_at: string, last_login_at: string | null }} User */
/** @typedef {{ id: string, name: string, role: Role | null, permissions: string[], created_by: string, created_at: string, expires_at: string | null, last_used_at: string | null }} Token */
/** @typedef {{ at: string, actor: string, address: string, action: string, target: string, outcome: "done" | "refused" }} AuditEntry */
/** @typedef {{ name: string, part: string, of: string, works: boolean, detail: string }} Finding */

export class AccessApi {
  #api;

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @returns {Promise<Who>} */
  who() {
    return this.#api.ask("GET", "api/v1/session", { patience_ms: 5000 });
  }

  /** @param {{ name: string, password: string } | { token: string }} login @returns {Promise<Who>} */
  async logIn(login) {
    if (!this.#api.elsewhere) return this.#api.ask("POST", "api/v1/session", { body: login });
    const { token, ...who } = await this.#api.ask("POST", "api/v1/session", { body: { ...login, cookie: false } });
    this.#api.use(token);
    return who;
  }

  /** @returns {Promise<null>} */
  async logOut() {
    try {
      return await this.#api.ask("DELETE", "api/v1/session");
    } finally {
      this.#api.use("");
    }
  }

  /** @param {string} current @param {string} next @returns {Promise<null>} */
  changePassword(current, next) {
    return this.#api.ask("POST", "api/v1/session/password", { body: { current, new: next } });
  }

  /** @returns {Promise<User[]>} */
  async users() {
    return (await this.#api.ask("GET", "api/v1/users")).users;
  }

  /** @param {{ name: string, password: string, role: string }} user @returns {Promise<User>} */
  addUser(user) {
    return this.#api.ask("POST", "api/v1/users", { body: user });
  }

  /** @param {string} id @param {{ password?: string, role?: string }} changes @returns {Promise<User>} */
  changeUser(id, changes) {
    return this.#api.ask("PATCH", `api/v1/users/${encodeURIComponent(id)}`, { body: changes });
  }

  /** @param {string} id @returns {Promise<null>} */
  removeUser(id) {
    return this.#api.ask("DELETE", `api/v1/users/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<Token[]>} */
  async tokens() {
    return (await this.#api.ask("GET", "api/v1/tokens")).tokens;
  }

  /** @param {{ name: string, role?: string, scopes?: string[], days?: number }} token @returns {Promise<Token & { token: string }>} */
  addToken(token) {
    return this.#api.ask("POST", "api/v1/tokens", { body: token });
  }

  /** @param {string} id @returns {Promise<null>} */
  revokeToken(id) {
    return this.#api.ask("DELETE", `api/v1/tokens/${encodeURIComponent(id)}`);
  }

  /** @returns {Promise<{ at: string, works: boolean, findings: Finding[] }>} */
  doctor() {
    return this.#api.ask("GET", "api/v1/doctor", { patience_ms: 30_000 }); // each check has 15 s
  }

  /** @param {number | null} before @returns {Promise<{ entries: AuditEntry[], next: number | null }>} */
  audit(before) {
    return this.#api.ask("GET", `api/v1/audit?limit=50${before ? `&before=${before}` : ""}`);
  }
}

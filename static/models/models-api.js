// The routes of models. An upload tells how far it is, which fetch cannot.
import { Problem, problemFrom } from "../api.js";

/** @typedef {import("../types.js").Model} Model */
/** @typedef {import("../types.js").ModelList} ModelList */

const ACTIVATION_MS = 150_000; // a model is tried in a process of its own first, which may take a minute

export class ModelsApi {
  #api;

  /** @param {import("../api.js").Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {AbortSignal} [signal] @returns {Promise<ModelList>} */
  list(signal) {
    return this.#api.ask("GET", "api/v1/models", { signal });
  }

  /** Answers when it looks. @param {string} id @returns {Promise<Model>} */
  activate(id) {
    return this.#api.ask("POST", path(id, "/activate"), { patience_ms: ACTIVATION_MS });
  }

  /** @param {string} id @returns {Promise<null>} */
  remove(id) {
    return this.#api.ask("DELETE", path(id));
  }

  /**
   * @param {File} file
   * @param {(fraction: number) => void} progress
   * @param {AbortSignal} signal
   * @returns {Promise<{ model: Model, added: boolean }>} not added: it was there already
   */
  upload(file, progress, signal) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const name = encodeURIComponent(file.name.replace(/\.onnx$/i, ""));
      request.open("POST", this.#api.address(`api/v1/models?name=${name}`));
      request.setRequestHeader("content-type", "application/octet-stream");
      for (const [name, value] of Object.entries(this.#api.credentials())) request.setRequestHeader(name, value);
      request.responseType = "json";
      request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
      request.onload = () => {
        if (request.status < 400 && request.response) resolve({ model: request.response, added: request.status === 201 });
        else reject(problemFrom(request.response, request.status));
      };
      request.onerror = () => reject(new Problem("unreachable"));
      request.onabort = () => reject(signal.reason);
      signal.addEventListener("abort", () => request.abort(), { once: true });
      request.send(file);
    });
  }
}

/** @param {string} id @param {string} [rest] */
function path(id, rest = "") {
  return `api/v1/models/${encodeURIComponent(id)}${rest}`;
}

// An event as the page goes by it.

/**
 * What is about the server itself has no camera: "" here, so that every place may take it for a text.
 * @template {import("../types.js").VigieEvent} T
 * @param {T} event as the server tells it
 * @returns {T}
 */
export function eventOf(event) {
  return { ...event, camera: event.camera ?? "" };
}

// Who got what of an event: its deliveries by receiver. Pure.

/** @typedef {import("../types.js").EventDelivery} EventDelivery */
/** @typedef {{ webhook: string, channel: string, url: string, deliveries: EventDelivery[] }} Receiver deliveries: oldest first */

const ALERT = "event.confirmed";
const TAKEN_BACK = new Set(["event.retracted", "event.reinstated"]);

/** @param {EventDelivery[]} deliveries @returns {Receiver[]} in the order of their first delivery */
export function receiversOf(deliveries) {
  /** @type {Map<string, Receiver>} */
  const found = new Map();
  for (const delivery of deliveries) {
    const { webhook, channel, url } = delivery;
    const receiver = found.get(webhook) ?? { webhook, channel, url, deliveries: [] };
    receiver.deliveries.push(delivery);
    found.set(webhook, receiver);
  }
  return [...found.values()];
}

/** Those that were sent the alert: whoever is told when it is taken back. @param {EventDelivery[]} deliveries */
export function alerted(deliveries) {
  return receiversOf(deliveries.filter(({ type }) => type === ALERT));
}

/** What the newest word is on whether the alert holds, for one receiver. @param {Receiver} receiver @returns {EventDelivery | null} */
export function lastWord({ deliveries }) {
  return deliveries.filter(({ type }) => TAKEN_BACK.has(type)).at(-1) ?? null;
}

/** Whether all is said and done. @param {EventDelivery[]} deliveries */
export function settled(deliveries) {
  return deliveries.every(({ state }) => state !== "waiting");
}

/** The part of a receiver's address that people know it by. @param {{ channel: string, url: string }} receiver */
export function placeOf({ channel, url }) {
  try {
    const { host, pathname } = new URL(url);
    return { host: host || url, path: pathname === "/" ? "" : pathname };
  } catch {
    return { host: url || channel, path: "" };
  }
}

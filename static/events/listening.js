// When this tab listens to events: while it is seen, and of all that are not seen, one. A browser keeps six connections to
// one server for all its tabs together, and a stream holds one for good.

const HIDDEN_MS = 15_000;
const NAME = "vigie.listening";

/** @param {import("./stream.js").EventStream} stream */
export function listen(stream) {
  let leave = () => {};
  const hidden = async () => {
    if (!navigator.locks) return; // only secure pages have them: here every tab listens
    const seen = new AbortController();
    leave = () => seen.abort();
    const over = new Promise((resolve) => seen.signal.addEventListener("abort", resolve));
    await navigator.locks.request(NAME, { ifAvailable: true }, (lock) => (lock ? over : stream.close()));
    if (seen.signal.aborted) return;
    const turn = async () => {
      stream.open();
      await over;
    };
    await navigator.locks.request(NAME, { signal: seen.signal }, turn).catch(() => {}); // seen again before its turn came
  };
  /** @type {number | undefined} */
  let timer;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) return void (timer = setTimeout(() => void hidden(), HIDDEN_MS));
    leave();
    leave = () => {};
    stream.open();
  });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", ({ persisted }) => persisted && stream.restart());
  stream.open();
}

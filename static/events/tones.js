// The sound of an alarm, made here: two tones in turn, unlike anything else a desk hears.

const TONES_HZ = [988, 740];
const TONE_S = 0.22;
const TIMES = 3;
const LOUDNESS = 0.35;
const SOFT_S = 0.015; // a tone that begins at once clicks

export class Tones {
  /** @type {AudioContext | null} */
  #context = null;

  /** Whether the browser makes sound at all. */
  get possible() {
    return typeof AudioContext !== "undefined";
  }

  /** Whether the browser keeps this page silent until somebody presses something on it. */
  get waiting() {
    return this.#context?.state === "suspended";
  }

  /** Asks the browser for leave to sound. @returns {Promise<boolean>} whether it gave it */
  async wake() {
    if (!this.possible) return false;
    this.#context ??= new AudioContext();
    // Without a press on the page, the browser leaves this open without an end.
    void this.#context.resume().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
    return this.#context.state === "running";
  }

  play() {
    const context = this.#context;
    if (!context || context.state !== "running") return;
    const loudness = new GainNode(context, { gain: 0 });
    const voice = new OscillatorNode(context, { type: "triangle" });
    const begin = context.currentTime + 0.02;
    for (let index = 0; index < TIMES * TONES_HZ.length; index += 1) {
      const at = begin + index * TONE_S;
      voice.frequency.setValueAtTime(TONES_HZ[index % TONES_HZ.length] ?? 0, at);
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(LOUDNESS, at + SOFT_S);
      loudness.gain.setValueAtTime(LOUDNESS, at + TONE_S - 2 * SOFT_S);
      loudness.gain.linearRampToValueAtTime(0, at + TONE_S - SOFT_S);
    }
    voice.connect(loudness).connect(context.destination);
    voice.start(begin);
    voice.stop(begin + TIMES * TONES_HZ.length * TONE_S);
  }
}

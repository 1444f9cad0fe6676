// This device's cameras, with every refusal told apart.

/** @typedef {"refused" | "no-camera" | "busy" | "insecure"} Refusal */

export class CameraRefused extends Error {
  /** @param {Refusal} state */
  constructor(state) {
    super(state);
    this.state = state;
  }
}

/** @type {Record<string, Refusal>} */
const STATES = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "no-camera",
  OverconstrainedError: "no-camera",
  NotReadableError: "busy",
  AbortError: "busy",
};

/**
 * @param {string} device "" is the one the browser prefers
 * @param {import("../types.js").Mode} mode
 * @returns {Promise<MediaStream>}
 */
export async function openCamera(device, mode) {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraRefused(isSecureContext ? "no-camera" : "insecure");
  // Burned-in video is encoded again by the server for this one visitor, so it starts from a smaller picture.
  const size = mode === "overlay" ? [1280, 720] : [640, 480];
  const video = {
    width: { ideal: size[0] },
    height: { ideal: size[1] },
    frameRate: { ideal: 30 },
    ...(device ? { deviceId: { exact: device } } : {}),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new CameraRefused((error instanceof Error && STATES[error.name]) || "busy");
  }
}

/** @returns {Promise<{ id: string, label: string }[]>} labels are empty until the visitor has allowed a camera once */
export async function listCameras() {
  const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
  return (devices ?? [])
    .filter(({ kind }) => kind === "videoinput")
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}

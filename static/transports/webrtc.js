// WebRTC: video by RTP, everything else as JSON on one data channel.
import { FrameTags } from "./frame-tags.js";
import { Transport } from "./transport.js";

/** @typedef {import("../types.js").Mode} Mode */

const GATHERING_MS = 1000; // the API takes no trickled candidates
const DISCONNECTED_MS = 3000; // a network change often heals by itself

export class WebRtcTransport extends Transport {
  #api;
  #source;
  #mode;
  #peer = new RTCPeerConnection();
  /** @type {FrameTags | null} */
  #tags = null;
  #session = "";
  #closed = false;
  /** @type {number | undefined} */
  #patience;

  /**
   * @param {import("../api.js").Api} api
   * @param {import("./connect.js").Source} source one's own camera, or a camera of the server
   * @param {Mode} mode
   */
  constructor(api, source, mode) {
    super();
    this.#api = api;
    this.#source = source;
    this.#mode = mode;
  }

  async open() {
    const peer = this.#peer;
    const channel = peer.createDataChannel("vigie");
    channel.onmessage = ({ data }) => this.receive(data);
    channel.onclose = () => this.#lost();
    peer.ontrack = ({ track, streams, receiver }) => {
      // Live pictures are worth more than smooth ones.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      this.emit("stream", streams[0] ?? new MediaStream([track]));
    };
    const connected = this.#connected(channel);
    await this.#offerVideo();
    if (this.#closed) return;
    peer.setConfiguration({ iceServers: await this.#api.iceServers() });
    if (this.#closed) return;
    await peer.setLocalDescription();
    await gathered(peer);
    if (this.#closed) return;
    const camera = "camera" in this.#source ? this.#source : {};
    const sdp = peer.localDescription?.sdp ?? "";
    const answer = await this.#api.offer({ sdp, type: "offer", mode: this.#mode, ...camera });
    this.#session = answer.session;
    if (this.#closed) return void this.#api.hangUp(answer.session);
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    await connected;
  }

  close() {
    super.close();
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#patience);
    this.#tags?.close();
    // Hang up first: a server that saw the connection close would know the session no more.
    const hungUp = this.#session ? this.#api.hangUp(this.#session) : Promise.resolve();
    void hungUp.finally(() => this.#peer.close());
  }

  /** @param {import("../types.js").BoxesMessage} boxes */
  sentAt(boxes) {
    return this.#tags?.sentAt(boxes.rtp_timestamp) ?? null;
  }

  async #offerVideo() {
    if ("camera" in this.#source) return void this.#peer.addTransceiver("video", { direction: "recvonly" });
    const { stream } = this.#source;
    const [track] = stream.getVideoTracks();
    if (!track) return;
    track.contentHint = "motion"; // under load, give up sharpness before frame rate
    if (this.#mode === "overlay") this.#tags = await FrameTags.start();
    if (this.#closed) return this.#tags?.close();
    const direction = this.#mode === "overlay" ? "sendonly" : "sendrecv";
    const { sender } = this.#peer.addTransceiver(track, { direction, streams: [stream] });
    this.#tags?.hook(sender);
  }

  /** @param {RTCDataChannel} channel @returns {Promise<void>} */
  #connected(channel) {
    const peer = this.#peer;
    return new Promise((resolve, reject) => {
      channel.onopen = () => resolve();
      peer.onconnectionstatechange = () => {
        clearTimeout(this.#patience);
        if (peer.connectionState === "failed") {
          reject(new Error("no path to the server"));
          this.#lost();
        }
        if (peer.connectionState === "disconnected") this.#patience = setTimeout(() => this.#lost(), DISCONNECTED_MS);
      };
    });
  }

  #lost() {
    if (!this.#closed) this.emit("closed", "lost");
  }
}

/** @param {RTCPeerConnection} peer @returns {Promise<void>} */
function gathered(peer) {
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHERING_MS);
    done();
  });
}

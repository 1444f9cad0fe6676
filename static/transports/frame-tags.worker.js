// Passes encoded frames on untouched and tells the page when each RTP timestamp was sent.

addEventListener("rtctransform", (event) => {
  const { readable, writable } = /** @type {any} */ (event).transformer;
  const watch = new TransformStream({
    transform(frame, controller) {
      controller.enqueue(frame); // first, and unconditionally: measuring must never hold up the video
      const rtp = frame.getMetadata().rtpTimestamp;
      if (rtp !== undefined) postMessage({ rtp, at: performance.timeOrigin + performance.now() });
    },
  });
  readable.pipeThrough(watch).pipeTo(writable).catch(() => {}); // the sender was closed
});

postMessage("ready");

// Put into the page before anything else of it runs: a camera whose every picture shows the time, and its reader.
(() => {
  const WIDTH = 640;
  const HEIGHT = 480;
  const BITS = 24;
  const CHECK_BITS = 8;
  const SQUARE = WIDTH / (BITS + CHECK_BITS);
  const STRIP = 32;
  const FRAME_MS = 1000 / 30;
  const bench = (globalThis.vigieBench = { drawn: 0, read: 0, unreadable: 0, repeated: 0, samples: [], reading: false });

  /** A checksum that a blurred or torn strip does not pass by chance. @param {number} code */
  const check = (code) => ((code & 0xff) * 3 + ((code >> 8) & 0xff) * 5 + ((code >> 16) & 0xff) * 7 + 0x5a) & 0xff;

  const picture = new Image();
  picture.src = "__PICTURE__";

  function camera() {
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    const context = canvas.getContext("2d", { alpha: false });
    let last = 0;
    const draw = (now) => {
      requestAnimationFrame(draw);
      // Every second turn of a 60 Hz screen, whatever the exact times of the turns.
      if (now - last < FRAME_MS - 8) return;
      last = now;
      // A slow pan, so that every picture differs from the one before as a hand-held camera's do.
      const scale = (1.2 * (HEIGHT - STRIP)) / picture.naturalHeight || 1;
      const [wide, high] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
      const x = ((wide - WIDTH) / 2) * (1 + Math.sin(now / 3000));
      const y = ((high - HEIGHT + STRIP) / 2) * (1 + Math.cos(now / 4000));
      context.drawImage(picture, -x, -y, wide, high);
      const code = Math.round(performance.now()) & 0xffffff;
      const bits = code * 2 ** CHECK_BITS + check(code);
      for (let bit = 0; bit < BITS + CHECK_BITS; bit += 1) {
        const set = Math.floor(bits / 2 ** (BITS + CHECK_BITS - 1 - bit)) % 2;
        context.fillStyle = set ? "#fff" : "#000";
        context.fillRect(bit * SQUARE, HEIGHT - STRIP, SQUARE, STRIP);
      }
      if (bench.reading) bench.drawn += 1;
    };
    requestAnimationFrame(draw);
    return canvas.captureStream(30);
  }

  navigator.mediaDevices.getUserMedia = async () => {
    await picture.decode();
    return camera();
  };

  const strip = document.createElement("canvas");
  strip.width = WIDTH;
  strip.height = 8;
  const reader = strip.getContext("2d", { willReadFrequently: true, alpha: false });
  let newest = -1;

  /** Reads the time off a picture shown at `now`. @param {CanvasImageSource} source */
  function read(source, width, height, now, late) {
    reader.drawImage(source, 0, height * (1 - (0.625 * STRIP) / HEIGHT), width, (height * STRIP) / HEIGHT / 4, 0, 0, WIDTH, 8);
    const { data } = reader.getImageData(0, 0, WIDTH, 8);
    let bits = 0;
    for (let bit = 0; bit < BITS + CHECK_BITS; bit += 1) {
      let sum = 0;
      for (let row = 2; row < 6; row += 1) {
        for (let column = 6; column < 14; column += 1) sum += data[4 * (row * WIDTH + bit * SQUARE + column) + 1];
      }
      bits = bits * 2 + (sum / 32 > 127 ? 1 : 0);
    }
    const code = Math.floor(bits / 2 ** CHECK_BITS);
    if (bits % 2 ** CHECK_BITS !== check(code)) return void (bench.unreadable += 1);
    if (code === newest) return void (bench.repeated += 1);
    newest = code;
    bench.read += 1;
    const delay = (Math.round(now) - code) & 0xffffff;
    bench.samples.push([Math.round(now), delay, late]);
  }

  const find = (id) => document.querySelector(`[data-testid=${id}]`);

  /** Reads every picture that the browser presents of the page's <video>. */
  function watchVideo() {
    const video = find("video");
    const presented = (_now, metadata) => {
      const now = performance.now();
      if (bench.reading) {
        if (video.videoWidth) read(video, video.videoWidth, video.videoHeight, now, metadata.expectedDisplayTime - now);
        video.requestVideoFrameCallback(presented);
      }
    };
    video.requestVideoFrameCallback(presented);
  }

  /** Reads the page's <canvas> on every turn of the screen; a picture counts once. */
  function watchCanvas() {
    const canvas = find("picture-canvas");
    const turn = () => {
      if (!bench.reading) return;
      if (canvas.width > 1) read(canvas, canvas.width, canvas.height, performance.now(), 0);
      requestAnimationFrame(turn);
    };
    turn();
  }

  bench.begin = () => {
    bench.reading = true;
    if (find("picture-canvas").hidden) watchVideo();
    else watchCanvas();
  };
  bench.take = () => {
    const samples = bench.samples;
    bench.samples = [];
    return samples;
  };
})();

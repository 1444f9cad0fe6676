"""Small media files, made by the test that needs them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def write_clip(path: Path, frames: int = 6, fps: int = 30, width: int = 64, height: int = 48) -> Path:
    """A video whose pictures grow brighter: frame n has a luma of about 20 + 20 n; after twelve it begins anew."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "10", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for n in range(frames):
            grey = np.full((height * 3 // 2, width), 128, np.uint8)
            grey[:height] = 20 + 20 * (n % 12)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and no video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

"""The other side of fleet.py, run by the Python that has Ultralytics.

``fleet_ultralytics.py MODEL STREAMS CONFIDENCE IOU``; STREAMS is a file with a URL a line. Each line on standard input
is a number of seconds; the answer is one line of JSON on standard output. Nothing of Vigie is imported here.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

os.environ.update(
    YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_VERBOSE="false", YOLO_CONFIG_DIR=tempfile.mkdtemp()
)
SETTLING_S = 5.0


class Arrivals(list[Any]):
    """The loader's list of newest pictures; notes when each was put there, which is when it had been decoded."""

    def __init__(self, pictures: list[Any], times: dict[int, float]) -> None:
        super().__init__(pictures)
        self._times = times

    def __setitem__(self, index: Any, value: Any) -> None:
        if value:
            self._times[id(value[0])] = time.monotonic()
        super().__setitem__(index, value)


def main() -> None:
    """Answer rounds until standard input ends."""
    path, streams, confidence, iou = sys.argv[1:5]
    answers, sys.stdout = sys.stdout, sys.stderr  # Ultralytics talks on standard output
    nms = importlib.import_module("looks_ultralytics").stand_in_for_torchvision()
    ultralytics = importlib.import_module("ultralytics")
    torch = importlib.import_module("torch")
    loaders = importlib.import_module("ultralytics.data.loaders")
    times: dict[int, float] = {}
    taken: list[float] = []
    _note_times(loaders.LoadStreams, times, taken)
    model = ultralytics.YOLO(path, task="detect")
    asked: dict[str, Any] = {
        "source": streams,
        "stream": True,
        "verbose": False,
        "conf": float(confidence),
        "iou": float(iou),
        "imgsz": 640,
        "device": "cpu",
    }
    for line in sys.stdin:
        answer = _round(model, asked, float(line), taken)
        answer |= {
            "ultralytics": ultralytics.__version__,
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
            "nms": nms,
        }
        print(json.dumps(answer), file=answers, flush=True)


def _note_times(loader: Any, times: dict[int, float], taken: list[float]) -> None:
    """Let the loader tell when each picture of the batch that it hands out had come."""
    hand_out = loader.__next__

    def handing_out(self: Any) -> Any:
        if not isinstance(self.imgs, Arrivals):
            self.imgs = Arrivals(self.imgs, times)
        batch = hand_out(self)
        taken[:] = [times.get(id(picture), float("nan")) for picture in batch[1]]
        if len(times) > 1000:
            for key in list(times)[:500]:
                del times[key]
        return batch

    loader.__next__ = handing_out


def _round(model: Any, asked: dict[str, Any], seconds: float, taken: list[float]) -> dict[str, Any]:
    """Looks, those that saw something, delays in s and processor seconds of one round."""
    looks = seen = number = 0
    delays: list[float] = []
    opened = time.monotonic()
    begun = cpu = 0.0
    for result in model.predict(**asked):
        now = time.monotonic()
        index, number = number % len(taken), number + 1
        if not begun:
            if now - opened >= SETTLING_S and index == len(taken) - 1:
                begun, cpu = now, time.process_time()
            continue
        looks += 1
        seen += bool(len(result.boxes))
        delays.append(now - taken[index])
        if now - begun >= seconds and index == len(taken) - 1:
            break
    took = time.monotonic() - begun
    cores = (time.process_time() - cpu) / took
    model.predictor.dataset.close()
    return {
        "looks": looks,
        "seen": seen,
        "seconds": took,
        "delays": [delay for delay in delays if delay == delay],
        "cores": cores,
        "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


if __name__ == "__main__":
    main()

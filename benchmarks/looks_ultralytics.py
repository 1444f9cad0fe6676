"""The other side of looks.py, run by the Python that has Ultralytics: ``looks_ultralytics.py MODEL CLIP THREADS``.

Each line on standard input is a number of seconds; the answer is one line of JSON on standard output. Nothing of Vigie
is imported here.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
import types
from typing import Any

os.environ.update(
    YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_VERBOSE="false", YOLO_CONFIG_DIR=tempfile.mkdtemp()
)

SKIPPED = 5
"""Pictures at the start of each round that do not count: opening the clip is not what is measured."""


def main() -> None:
    """Answer rounds until standard input ends."""
    path, clip, threads, confidence, iou, size = sys.argv[1:7]
    answers, sys.stdout = sys.stdout, sys.stderr  # Ultralytics talks on standard output
    nms = stand_in_for_torchvision()
    ultralytics = importlib.import_module("ultralytics")
    torch = importlib.import_module("torch")
    model = ultralytics.YOLO(path, task="detect")
    asked: dict[str, Any] = {
        "source": clip,
        "stream": True,
        "verbose": False,
        "conf": float(confidence),
        "iou": float(iou),
        "imgsz": int(size),
        "device": "cpu",
    }
    next(iter(model.predict(**asked)))
    if threads != "default":
        torch.set_num_threads(int(threads))
    shapes: set[tuple[int, ...]] = set()
    prepare = model.predictor.preprocess

    def preprocess(images: Any) -> Any:
        tensor = prepare(images)
        shapes.add(tuple(tensor.shape))
        return tensor

    model.predictor.preprocess = preprocess
    for line in sys.stdin:
        looks, seen, seconds = _round(model, asked, float(line))
        answer = {
            "looks": looks,
            "seen": seen,
            "seconds": seconds,
            "shapes": sorted(shapes),
            "ultralytics": ultralytics.__version__,
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
            "nms": nms,
        }
        print(json.dumps(answer), file=answers, flush=True)


def _round(model: Any, asked: dict[str, Any], wanted_s: float) -> tuple[int, int, float]:
    """Pictures looked at, those with something on them, and the seconds they took."""
    count = seen = 0
    begun = time.perf_counter()
    while True:
        for result in model.predict(**asked):
            count += 1
            if count == SKIPPED:
                begun = time.perf_counter()
            if count <= SKIPPED:
                continue
            seen += bool(len(result.boxes))
            seconds = time.perf_counter() - begun
            if seconds >= wanted_s:
                return count - SKIPPED, seen, seconds


def stand_in_for_torchvision() -> str:
    """Make sure ``import torchvision`` works: beside the CPU build of PyTorch the usual wheel does not.

    All that Ultralytics takes from it here is NMS, of which it has one of its own with the same results.
    """
    try:
        return f"torchvision {importlib.import_module('torchvision').__version__}"
    except (ImportError, RuntimeError, OSError):
        stand_in: Any = types.ModuleType("torchvision")
        sys.modules["torchvision"] = stand_in
        own = importlib.import_module("ultralytics.utils.nms").TorchNMS
        stand_in.ops = types.SimpleNamespace(nms=own.nms)
        return "Ultralytics TorchNMS"


if __name__ == "__main__":
    main()

"""Ultralytics as this project uses it: no network, no installs by itself, its settings in a folder of ours.

Import this module before anything of Ultralytics.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parent.parent / "runs"
"""What training writes: git-ignored."""

COMET_KEY = "COMET_API_KEY"


def prepare() -> None:
    """Set up what Ultralytics reads when it is imported. A second time does nothing."""
    settings = RUNS / ".ultralytics"
    settings.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("MPLBACKEND", "Agg")
    _stand_in_for_torchvision()
    loggers = importlib.import_module("ultralytics.utils").SETTINGS
    wanted = {"sync": False, "hub": False, "tensorboard": True, "comet": COMET_KEY in os.environ}
    wanted = {key: value for key, value in wanted.items() if key in loggers and loggers[key] != value}
    if wanted:
        loggers.update(wanted)


def _stand_in_for_torchvision() -> None:
    """Make sure ``import torchvision`` works: beside the CPU build of PyTorch its usual wheel does not load.

    All that detectors take from it is non-maximum suppression, of which Ultralytics has one of its own with the same
    results.
    """
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        stand_in: Any = types.ModuleType("torchvision")
        sys.modules["torchvision"] = stand_in
        own = importlib.import_module("ultralytics.utils.nms").TorchNMS
        stand_in.ops = types.SimpleNamespace(nms=own.nms)

"""Ultralytics as this project uses it: no network, no installs by itself, its settings in a folder of ours.

Import this module before anything of Ultralytics.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from server.inference.ultralytics import prepare as apart

RUNS = Path(__file__).parent.parent / "runs"
"""What training writes: git-ignored."""

COMET_KEY = "COMET_API_KEY"


def prepare() -> None:
    """Set up what Ultralytics reads when it is imported. A second time does nothing."""
    settings = RUNS / ".ultralytics"
    settings.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MPLBACKEND", "Agg")
    apart(settings)
    loggers = importlib.import_module("ultralytics.utils").SETTINGS
    wanted = {"sync": False, "hub": False, "tensorboard": True, "comet": COMET_KEY in os.environ}
    wanted = {key: value for key, value in wanted.items() if key in loggers and loggers[key] != value}
    if wanted:
        loggers.update(wanted)

"""The virtual environment of the other side: Ultralytics and PyTorch never enter the one that serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .results import ROOT, Unavailable

FOLDER = ROOT / ".venv-bench"
REQUIREMENTS = ROOT / "requirements-bench.txt"

WITHOUT_DEPENDENCIES = ("ultralytics==8.4.190", "torchvision==0.28.0")
"""Ultralytics asks for the OpenCV that needs a window system, torchvision for one certain build of PyTorch."""


def python() -> Path:
    """The environment's Python; the environment is made when it is missing or its list has changed."""
    interpreter, mark = FOLDER / "bin" / "python", FOLDER / ".installed"
    if mark.is_file() and mark.stat().st_mtime >= REQUIREMENTS.stat().st_mtime:
        return interpreter
    print(f"   making {FOLDER.name} for Ultralytics: a large download, once", flush=True)
    install: list[str | Path] = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        subprocess.run([*install, "-r", REQUIREMENTS], check=True)
        subprocess.run([*install, "--no-deps", *WITHOUT_DEPENDENCIES], check=True)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{FOLDER.name} could not be made: {error}") from error
    mark.touch()
    return interpreter

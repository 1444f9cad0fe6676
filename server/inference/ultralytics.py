"""Ultralytics: any detector that PyTorch runs, from its .pt file. For trying and comparing; it is not in the container.

A .pt file is code that runs when it is opened: only one of the settings ever is, never one that came by the API.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.yolo import MOST_LABEL
from ..modelfile import sha256_of
from ..plugins import ModelError, ModelInfo

DEVICES = ("cpu", "cuda", "mps")


def prepare(folder: Path | None = None) -> Any:
    """The module ``ultralytics``, kept from the network and from installing anything; its settings lie in ``folder``,
    where one is given. Import it by this before anything of its own. Raises ModuleNotFoundError."""
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    if folder:
        os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))
    stand_in_for_torchvision()
    return importlib.import_module("ultralytics")


def stand_in_for_torchvision() -> None:
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
        stand_in.ops = types.SimpleNamespace(nms=importlib.import_module("ultralytics.utils.nms").TorchNMS.nms)


class UltralyticsBackend:
    """One network for all workers, one look at a time: PyTorch uses all cores for it."""

    def __init__(self, network: Any, info: ModelInfo, device: str) -> None:
        self.info = info
        self._network = network
        self._device = device
        self._torch = importlib.import_module("torch")
        self._lock = threading.Lock()

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`server.plugins.Backend`."""
        torch = self._torch
        with self._lock, torch.inference_mode():
            picture = torch.from_numpy(image).to(self._device).permute(2, 0, 1)[None].float() / 255
            output = self._network(picture)
            output = output[0] if isinstance(output, list | tuple) else output
            return np.array(output[0].float().cpu().numpy(), np.float32)

    def prepare(self, height: int, width: int) -> None:
        """See :class:`server.plugins.Backend`; any sides are alike."""

    def close(self) -> None:
        """See :class:`server.plugins.Backend`; the network goes with its last user."""


def open_model(
    path: Path, *, workers: int, cache_dir: Path | None = None, device: str = "", precision: str = "fp32"
) -> UltralyticsBackend:
    """Open a .pt file; raises :class:`ModelError` when it is no detector, or Ultralytics is not installed."""
    if path.suffix != ".pt":
        raise ModelError(f"{path.name} is no .pt file: the backend openvino or onnxruntime opens ONNX.")
    if device.partition(":")[0] not in ("", *DEVICES):
        raise ModelError(f"PyTorch has no device {device!r}. Choose one of: {', '.join(DEVICES)}, cuda:0, cuda:1, ...")
    try:
        ultralytics = prepare(cache_dir)
        torch = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The backend ultralytics needs the Python package {error.name!r}, which is not installed: install "
            "requirements-train.txt, or export the model to ONNX."
        ) from error
    used, fallback = _device(torch, device)
    try:
        model = ultralytics.YOLO(str(path), task="detect")
        network = model.model.float().eval().to(used)
        labels = tuple(str(model.names[index])[:MOST_LABEL] for index in range(len(model.names)))
        stride = int(network.stride.max())
    except Exception as error:  # whatever a file that is none of its own leads to
        raise ModelError(f"{path.name} cannot be opened by Ultralytics: {str(error).splitlines()[0][:200]}") from error
    if model.task != "detect":
        raise ModelError(f"{path.name} is a model for {model.task}, not a detector.")
    name = torch.cuda.get_device_name(used) if used.startswith("cuda") else used
    info = ModelInfo(
        path.stem,
        labels,
        "ultralytics",
        name,
        stride=max(stride, 32),
        sha256=sha256_of(path),
        asked=device,
        fallback=fallback,
    )
    return UltralyticsBackend(network, info, used)


def _device(torch: Any, asked: str) -> tuple[str, str | None]:
    """The device used, and why it is not the one asked for."""
    if not asked:
        return ("cuda" if torch.cuda.is_available() else "cpu"), None
    try:
        torch.zeros(1, device=asked)
    except (RuntimeError, AssertionError) as error:  # what PyTorch raises without CUDA built in is the latter
        return "cpu", str(error).splitlines()[0][:200]
    return asked, None

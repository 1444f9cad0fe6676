"""ONNX Runtime: CPU, CUDA, TensorRT or CoreML, by what is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ..core.yolo import check_shapes, labels_of
from ..modelfile import facts_of, sha256_of
from ..plugins import ModelError, ModelInfo

CPU = "CPUExecutionProvider"
PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": CPU,
}
"""Fastest first; without a wish those that are not installed are passed over."""

TRIED_SIDES = (64, 64)


class OnnxRuntimeBackend:
    """A session that all workers share; each look uses one thread, so that looks run side by side."""

    def __init__(self, session: ort.InferenceSession, info: ModelInfo) -> None:
        self.info = info
        self._session = session
        self._input = session.get_inputs()[0].name

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`server.plugins.Backend`."""
        tensor = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        return np.asarray(self._session.run(None, {self._input: tensor})[0][0], np.float32)

    def prepare(self, height: int, width: int) -> None:
        """See :class:`server.plugins.Backend`; one session serves all sides alike."""

    def close(self) -> None:
        """See :class:`server.plugins.Backend`; the session goes with its last user."""


def open_model(
    path: Path, *, workers: int, cache_dir: Path | None = None, device: str = "", precision: str = "fp32"
) -> OnnxRuntimeBackend:
    """Read an ONNX file; raises :class:`ModelError` when it is not a YOLOv8 detector.

    Always the file named: on a CPU this runtime takes longer over the INT8 form of a model than over the other.
    """
    name, _, number = device.partition(":")
    if name and name not in PROVIDERS:
        raise ModelError(f"ONNX Runtime has no device {device!r}. Choose one of: {', '.join(PROVIDERS)}.")
    session, fallback = _session(path, name, number)
    names = session.get_modelmeta().custom_metadata_map.get("names")
    try:
        if names is None:
            raise ValueError("it names no classes")
        labels = labels_of(names)
        check_shapes(_shapes(session.get_inputs()), _shapes(session.get_outputs()), len(labels))
    except ValueError as error:
        raise ModelError(f"{path.name} is not a YOLOv8 detector as Ultralytics exports it: {error}.") from error
    facts = facts_of(path)
    info = ModelInfo(
        path.stem,
        labels,
        "onnxruntime",
        session.get_providers()[0],
        precision=facts.precision,
        version=facts.metadata.get("version", ""),
        sha256=sha256_of(path),
        asked=device,
        fallback=fallback,
    )
    return OnnxRuntimeBackend(session, info)


def _session(path: Path, name: str, number: str) -> tuple[ort.InferenceSession, str | None]:
    """A session on the device asked for, or one on the CPU and why it is not the other."""
    available = ort.get_available_providers()
    if not name:
        return _open(path, [provider for provider in PROVIDERS.values() if provider in available]), None
    provider = PROVIDERS[name]
    if provider not in available:
        return _open(path, [CPU]), f"this ONNX Runtime was built without {provider}"
    if provider == CPU:
        return _open(path, [CPU]), None
    try:
        session = _open(path, [(provider, {"device_id": number}) if number else provider, CPU])
        if session.get_providers()[0] != provider:
            raise RuntimeError(f"{provider} could not be started")
        # A provider may be listed and fail at its first run, for want of a driver or a library.
        session.run(None, {session.get_inputs()[0].name: np.zeros((1, 3, *TRIED_SIDES), np.float32)})
    except ModelError:
        raise
    except Exception as error:
        return _open(path, [CPU]), str(error).splitlines()[0][:200]
    return session, None


def _open(path: Path, providers: list[Any]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # the runtime's own exceptions share no base but this
        raise ModelError(f"{path.name} cannot be read as an ONNX model: {str(error).splitlines()[0][:200]}") from error


def _shapes(values: list[ort.NodeArg]) -> list[tuple[int, ...]]:
    return [tuple(side if isinstance(side, int) else -1 for side in value.shape) for value in values]

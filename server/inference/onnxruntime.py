"""ONNX Runtime: CPU, CUDA, TensorRT or CoreML, by what is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ..core.yolo import check_shapes, labels_of
from ..plugins import ModelError, ModelInfo

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider")
"""Fastest first; those that are not installed are passed over. The one in use is named on start and in the API."""


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


def open_model(path: Path, *, workers: int, cache_dir: Path | None = None) -> OnnxRuntimeBackend:
    """Read an ONNX file; raises :class:`ModelError` when it is not a YOLOv8 detector."""
    providers = [name for name in PROVIDERS if name in ort.get_available_providers()]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # the runtime's own exceptions share no base but this
        raise ModelError(f"{path.name} cannot be read as an ONNX model: {str(error).splitlines()[0][:200]}") from error
    names = session.get_modelmeta().custom_metadata_map.get("names")
    try:
        if names is None:
            raise ValueError("it names no classes")
        labels = labels_of(names)
        check_shapes(_shapes(session.get_inputs()), _shapes(session.get_outputs()), len(labels))
    except ValueError as error:
        raise ModelError(f"{path.name} is not a YOLOv8 detector as Ultralytics exports it: {error}.") from error
    return OnnxRuntimeBackend(session, ModelInfo(path.stem, labels, "onnxruntime", session.get_providers()[0]))


def _shapes(values: list[ort.NodeArg]) -> list[tuple[int, ...]]:
    return [tuple(side if isinstance(side, int) else -1 for side in value.shape) for value in values]

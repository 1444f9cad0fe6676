"""OpenVINO: the default on a CPU."""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from ..core.yolo import check_shapes, labels_of
from ..plugins import ModelError, ModelInfo

# On import OpenVINO tells its maker of it over the network, unless this package is missing. What watches cameras tells
# nobody anything that it was not asked to.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino.preprocess import PrePostProcessor  # noqa: E402

MOST_SHAPES = 6
"""Compiled networks kept: one per aspect ratio of a feed. The one not used for longest goes."""

USUAL_AFTER = 3
"""Looks of one shape after which it gets a network of its own. Compiling takes up to a second: a single picture, whose
shape may never come again, goes through the network with free sides."""

MOST_COUNTED = 64

MOST_CACHED = 12
"""Files of 13 MB kept in the cache: a compiled network loads in half the time it takes to compile."""

ANY_SHAPE = (-1, -1)

PRECISION = "f32"
"""Left alone, OpenVINO computes in bfloat16 on processors that have it: boxes then move by pixels from machine to
machine, and without matrix units it is slower as well (docs/decisions/0005-compiled-shapes.md)."""

NICENESS = 5
"""Inference takes what the live video leaves: its threads start with this, so that pictures stay smooth under load."""

Requests = SimpleQueue[ov.InferRequest]


class OpenVinoBackend:
    """A model compiled for each usual input shape, and once for any: a fixed shape is up to a third faster."""

    def __init__(self, model: ov.Model, info: ModelInfo, workers: int, cache_dir: Path | None) -> None:
        self.info = info
        self._model = model
        self._workers = workers
        self._core = ov.Core()
        if cache_dir:
            self._core.set_property({"CACHE_DIR": str(cache_dir)})
        self._compiled: OrderedDict[tuple[int, int], Requests] = OrderedDict()
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._any = self._compile(ANY_SHAPE)

    def infer(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`server.plugins.Backend`."""
        height, width = image.shape[:2]
        requests = self._requests((height, width))
        request = requests.get()
        try:
            request.infer([image[None]], share_inputs=True)
            return np.array(request.get_output_tensor().data[0], np.float32)
        finally:
            requests.put(request)

    def prepare(self, height: int, width: int) -> None:
        """See :class:`server.plugins.Backend`. Other looks go on meanwhile."""
        shape = (height, width)
        requests = self._compile(shape)
        with self._lock:
            self._compiled[shape] = requests
            if len(self._compiled) > MOST_SHAPES:
                self._compiled.popitem(last=False)

    def close(self) -> None:
        """See :class:`server.plugins.Backend`."""
        with self._lock:
            self._compiled.clear()

    def _requests(self, shape: tuple[int, int]) -> Requests:
        with self._lock:
            if shape in self._compiled:
                self._compiled.move_to_end(shape)
                return self._compiled[shape]
            count = self._counts[shape] = self._counts.pop(shape, 0) + 1
            if len(self._counts) > MOST_COUNTED:
                self._counts.popitem(last=False)
        # Exactly one look compiles it; those beside it go through the network with free sides.
        if count == USUAL_AFTER:
            self.prepare(*shape)
            with self._lock:
                self._counts.pop(shape, None)
                return self._compiled.get(shape, self._any)
        return self._any

    def _compile(self, shape: tuple[int, int]) -> Requests:
        requests: Requests = SimpleQueue()
        failure: list[Exception] = []

        def compile_quietly() -> None:
            try:
                # On Linux a thread has a niceness of its own, which the threads it starts take over.
                if sys.platform == "linux":
                    thread_id = threading.get_native_id()
                    niceness = max(os.getpriority(os.PRIO_PROCESS, thread_id), NICENESS)
                    os.setpriority(os.PRIO_PROCESS, thread_id, niceness)
                compiled = self._core.compile_model(
                    self._with_image_input(shape),
                    "CPU",
                    {
                        "PERFORMANCE_HINT": "THROUGHPUT",
                        "NUM_STREAMS": self._workers,
                        "INFERENCE_NUM_THREADS": self._workers,
                        "INFERENCE_PRECISION_HINT": PRECISION,
                    },
                )
                for _ in range(self._workers):
                    requests.put(compiled.create_infer_request())
            except Exception as error:
                failure.append(error)

        thread = threading.Thread(target=compile_quietly, name="compile")
        thread.start()
        thread.join()
        if failure:
            raise ModelError(f"OpenVINO cannot compile the model for sides {shape}: {_first_line(failure[0])}")
        return requests

    def _with_image_input(self, shape: tuple[int, int]) -> ov.Model:
        """The network with the way from RGB bytes to its own input (NCHW, 0 to 1) built in."""
        model = self._model.clone()
        model.reshape([1, 3, *shape])
        steps = PrePostProcessor(model)
        tensor = steps.input().tensor()
        tensor.set_element_type(ov.Type.u8)
        tensor.set_layout(ov.Layout("NHWC"))
        steps.input().model().set_layout(ov.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
        return steps.build()


def open_model(path: Path, *, workers: int, cache_dir: Path | None = None) -> OpenVinoBackend:
    """Read an ONNX file; raises :class:`ModelError` when it is not a YOLOv8 detector."""
    try:
        model = ov.Core().read_model(str(path))
    except RuntimeError as error:
        raise ModelError(f"{path.name} cannot be read as an ONNX model: {_first_line(error)}") from error
    try:
        framework = model.get_rt_info(["framework"]).value if "framework" in model.rt_info else {}
        labels = labels_of(
            str(framework["names"].value if hasattr(framework["names"], "value") else framework["names"])
        )
        check_shapes(_shapes(model.inputs), _shapes(model.outputs), len(labels))
    except (KeyError, ValueError) as error:
        reason = "it names no classes" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path.name} is not a YOLOv8 detector as Ultralytics exports it: {reason}.") from error
    if cache_dir:
        _prune(cache_dir)
    info = ModelInfo(path.stem, labels, "openvino", str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME")))
    return OpenVinoBackend(model, info, workers, cache_dir)


def _shapes(ports: list[ov.Output]) -> list[tuple[int, ...]]:
    return [tuple(-1 if d.is_dynamic else d.get_length() for d in port.partial_shape) for port in ports]


def _prune(cache_dir: Path) -> None:
    blobs = sorted(cache_dir.glob("*.blob"), key=lambda blob: blob.stat().st_mtime, reverse=True)
    for blob in blobs[MOST_CACHED:]:
        blob.unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__

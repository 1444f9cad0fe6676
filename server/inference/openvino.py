"""OpenVINO: the default on a CPU."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from ..core.yolo import check_shapes, labels_of
from ..modelfile import sha256_of
from ..plugins import ModelError, ModelInfo

# On import OpenVINO tells its maker of it over the network, unless this package is missing. What watches cameras tells
# nobody anything that it was not asked to.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino.preprocess import PrePostProcessor  # noqa: E402

log = logging.getLogger(__name__)

DEVICES = ("cpu", "gpu", "npu")

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

SMALL = "-int8.xml"
"""How the name of MODEL.onnx's INT8 form ends, which lies beside it. It is in OpenVINO's own format: what OpenVINO
makes of the QuantizeLinear nodes of an ONNX file sees nothing (docs/decisions/0016-models.md)."""

Requests = SimpleQueue[ov.InferRequest]


class OpenVinoBackend:
    """A model compiled for each usual input shape, and once for any: a fixed shape is up to a third faster."""

    def __init__(self, model: ov.Model, info: ModelInfo, workers: int, cache_dir: Path | None, device: str) -> None:
        self.info = info
        self._device = device
        self._model = model
        self._workers = workers
        self._core = ov.Core()
        if cache_dir:
            self._core.set_property({"CACHE_DIR": str(cache_dir)})
        self._compiled: OrderedDict[tuple[int, int], Requests] = OrderedDict()
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[int, int], int] = OrderedDict()
        try:
            self._any = self._compile(ANY_SHAPE)
        except ModelError as error:
            if device == "CPU":
                raise
            self._device = "CPU"
            self._any = self._compile(ANY_SHAPE)
            self.info = replace(info, fallback=str(error).partition(": ")[2])
        self.info = replace(self.info, device=_name_of(self._core, self._device))

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
        """See :class:`server.plugins.Backend`. No look may follow: the requests, which hold the networks, are gone."""
        with self._lock:
            self._compiled.clear()
            while not self._any.empty():
                self._any.get_nowait()

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
                options: dict[str, str | int] = {
                    "PERFORMANCE_HINT": "THROUGHPUT",
                    "INFERENCE_PRECISION_HINT": PRECISION,
                }
                if self._device == "CPU":
                    options |= {"NUM_STREAMS": self._workers, "INFERENCE_NUM_THREADS": self._workers}
                compiled = self._core.compile_model(self._with_image_input(shape), self._device, options)
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


def open_model(
    path: Path, *, workers: int, cache_dir: Path | None = None, device: str = "", precision: str = "fp32"
) -> OpenVinoBackend:
    """Read an ONNX file, or one of OpenVINO's; raises :class:`ModelError` when it is not a YOLOv8 detector.

    With the precision ``int8`` the file ``MODEL-int8.xml`` beside it runs in its place, where there is one of the same
    version.
    """
    if device.partition(":")[0] not in ("", *DEVICES):
        raise ModelError(f"OpenVINO has no device {device!r}. Choose one of: {', '.join(DEVICES)}.")
    model, info = _read(path)
    small = path.with_name(path.stem + SMALL)
    if precision == "int8" and small.is_file():
        model, info = _small(small, model, info)
    if cache_dir:
        _prune(cache_dir)
    wanted = device.upper().replace(":", ".") or "CPU"
    return OpenVinoBackend(model, replace(info, asked=device), workers, cache_dir, wanted)


def _read(path: Path) -> tuple[ov.Model, ModelInfo]:
    try:
        model = ov.Core().read_model(str(path))
    except RuntimeError as error:
        raise ModelError(f"{path.name} cannot be read as an ONNX model: {_first_line(error)}") from error
    try:
        labels = labels_of(_told(model, "names"))
        check_shapes(_shapes(model.inputs), _shapes(model.outputs), len(labels))
    except (KeyError, ValueError) as error:
        reason = "it names no classes" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path.name} is not a YOLOv8 detector as Ultralytics exports it: {reason}.") from error
    try:
        version = _told(model, "version")
    except KeyError:
        version = ""
    rounded = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    precision, digest = "int8" if rounded else "fp32", sha256_of(path)
    return model, ModelInfo(path.stem, labels, "openvino", "", precision=precision, version=version, sha256=digest)


def _small(small: Path, model: ov.Model, info: ModelInfo) -> tuple[ov.Model, ModelInfo]:
    """The INT8 form, or the model itself where that is of another one."""
    try:
        other, its = _read(small)
    except ModelError as error:
        log.warning("%s; %s runs in float32", error, info.name)
        return model, info
    if (its.version, its.labels) != (info.version, info.labels):
        log.warning("%s is of another version than %s, which runs in float32", small.name, info.name)
        return model, info
    log.info("%s runs in INT8: %s", info.name, small.name)
    return other, replace(info, precision="int8")


def _told(model: ov.Model, key: str) -> str:
    """An entry of the model's metadata. Raises KeyError."""
    framework = model.get_rt_info(["framework"]).value if "framework" in model.rt_info else {}
    entry = framework[key]
    return str(entry.value if hasattr(entry, "value") else entry)


def _name_of(core: ov.Core, device: str) -> str:
    return str(core.get_property(device, "FULL_DEVICE_NAME"))


def _shapes(ports: list[ov.Output]) -> list[tuple[int, ...]]:
    return [tuple(-1 if d.is_dynamic else d.get_length() for d in port.partial_shape) for port in ports]


def _prune(cache_dir: Path) -> None:
    blobs = sorted(cache_dir.glob("*.blob"), key=lambda blob: blob.stat().st_mtime, reverse=True)
    for blob in blobs[MOST_CACHED:]:
        blob.unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__

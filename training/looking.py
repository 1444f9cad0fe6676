"""A model at the pictures of a data set: as the server looks, or as Ultralytics' ``val`` does."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from server.core.geometry import Boxes
from server.core.yolo import PADDING, decode, input_of_image, nms
from server.plugins import Backend, ModelError, PluginError, load

from . import ultralytics_env
from .errors import TrainingError
from .index import Entry, boxes_of
from .scoring import Seen

SERVER, ULTRALYTICS = "server", "ultralytics"
PROTOCOLS = {SERVER: (0.01, 0.6), ULTRALYTICS: (0.001, 0.7)}
"""Least score and NMS IoU. The server's own least score is higher: curves need what lies below."""

GUN = "gun"

BATCH = 16
"""Pictures of a batch in ``val``: they share one shape of input."""

Image = NDArray[np.uint8]


def open_backend(path: Path, kind: str, workers: int) -> Backend:
    """A model by one of the server's own backends, a .pt file by ``ultralytics``; raises TrainingError where it cannot
    be used."""
    if path.suffix == ".pt":
        ultralytics_env.prepare()
        kind = "ultralytics"
    try:
        backend: Backend = load("inference", kind).open_model(path, workers=workers)
    except (ModelError, PluginError) as error:
        raise TrainingError(str(error)) from error
    if GUN not in backend.info.labels:
        raise TrainingError(f"{path.name} finds {', '.join(backend.info.labels[:5])}, but no {GUN}.")
    return backend


def sha256_of(path: Path) -> str:
    """Of a model file and, for OpenVINO's two files, of both together."""
    both = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    return hashlib.sha256(b"".join(part.read_bytes() for part in both)).hexdigest()


def look(
    backend: Backend, data: Path, entries: Sequence[Entry], size: int, protocol: str
) -> Iterator[tuple[Entry, Seen]]:
    """Look at pictures, in the order of the protocol."""
    least, overlap = PROTOCOLS[protocol]
    gun = backend.info.labels.index(GUN)

    def outputs(image: Image) -> NDArray[np.float32]:
        output = backend.infer(image)
        if not np.isfinite(output).all():
            raise TrainingError("The model gives numbers that are none (NaN): its training or its export failed.")
        return output

    for entry, shape in _shaped(entries, size, backend.info.stride, protocol):
        image = read(data / entry.file)
        height, width = image.shape[:2]
        if shape is None:
            network_input, box = input_of_image(image, size, backend.info.stride)
            found = decode(outputs(network_input), box, least, overlap)
            boxes, scores = found.boxes[found.classes == gun], found.scores[found.classes == gun]
        else:
            network_input, inner, left, top = _as_val(image, size, shape)
            boxes, scores = _found(outputs(network_input), gun, least, overlap)
            # As there: each axis by its own scale, and not cut off at the edges of the picture.
            offset = np.array([left, top] * 2, np.float32)
            boxes = (boxes - offset) * np.array([width / inner[0], height / inner[1]] * 2, np.float32)
        yield entry, Seen(boxes, scores, truth_of(data, entry, width, height), float(width * height))


def read(path: Path) -> Image:
    """A picture as RGB (h, w, 3) uint8."""
    image = cv2.imread(str(path))
    if image is None:
        raise TrainingError(f"{path} cannot be read: make the data set anew.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def truth_of(data: Path, entry: Entry, width: int, height: int) -> Boxes:
    """The guns of a picture, (m, 4) x1, y1, x2, y2 in pixels."""
    rows = boxes_of(data, entry)[:, 1:]
    centre, half = rows[:, :2], rows[:, 2:] / 2
    scale = np.array([width, height] * 2, np.float32)
    return np.asarray(np.concatenate([centre - half, centre + half], axis=1) * scale, np.float32)


def _found(output: NDArray[np.float32], gun: int, least: float, overlap: float) -> tuple[Boxes, NDArray[np.float32]]:
    """As ``non_max_suppression`` there: every class of an anchor counts, and boxes stay in pixels of the input."""
    scores = output[4 + gun]
    kept = np.flatnonzero(scores > least)
    centre, half = output[:2, kept].T, output[2:4, kept].T / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
    scores = scores[kept]
    best = nms(boxes, scores, np.zeros(len(scores), np.int32), overlap)
    return boxes[best], scores[best]


def _shaped(
    entries: Sequence[Entry], size: int, stride: int, protocol: str
) -> Iterator[tuple[Entry, tuple[int, int] | None]]:
    """Each picture with the (height, width) of its input, or None where the server finds it by itself."""
    if protocol == SERVER:
        yield from ((entry, None) for entry in entries)
        return
    # As `set_rectangle` in Ultralytics' data/base.py: sorted by aspect, a shape a batch, half a stride added. By the
    # very sort used there, which is not stable: of pictures of one aspect, it decides which share a batch with others.
    named = sorted(entries, key=lambda entry: entry.file)
    ordered = [named[index] for index in np.array([entry.height / entry.width for entry in named]).argsort()]
    for start in range(0, len(ordered), BATCH):
        batch = ordered[start : start + BATCH]
        aspects = [entry.height / entry.width for entry in batch]
        high, wide = 1.0, 1.0
        if max(aspects) < 1:
            high = max(aspects)
        elif min(aspects) > 1:
            wide = 1 / min(aspects)
        shape = (math.ceil(high * size / stride + 0.5) * stride, math.ceil(wide * size / stride + 0.5) * stride)
        yield from ((entry, shape) for entry in batch)


def _as_val(image: Image, size: int, shape: tuple[int, int]) -> tuple[Image, tuple[int, int], int, int]:
    """As ``load_image`` and ``LetterBox(scaleup=False)`` there; returns the input, width and height of the picture in
    it, left and top."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    if scale != 1:
        sides = min(math.ceil(width * scale), size), min(math.ceil(height * scale), size)
        image = np.asarray(cv2.resize(image, sides, interpolation=cv2.INTER_LINEAR), np.uint8)
    top = round((shape[0] - image.shape[0]) / 2 - 0.1)
    left = round((shape[1] - image.shape[1]) / 2 - 0.1)
    canvas = np.full((*shape, 3), PADDING, np.uint8)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas, (image.shape[1], image.shape[0]), left, top

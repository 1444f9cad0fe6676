"""YOLOv8 around its network: a picture to the input, the raw output to detections."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .detections import Detections
from .frame import Picture
from .geometry import Boxes, Letterbox, areas

PADDING = 114
"""The grey around a letterboxed picture, in RGB, as Ultralytics trains with."""
PADDING_LUMA = round(16 + PADDING * 219 / 255)

MOST_CANDIDATES = 30_000
MOST_DETECTIONS = 300

SCORE_SLACK = 0.01
"""What rounding to 8 bits may add to a score of 1."""

Image = NDArray[np.uint8]
Shape = tuple[int, ...]


def input_of_image(rgb: Image, size: int, stride: int = 32) -> tuple[Image, Letterbox]:
    """Letterbox an RGB picture (H, W, 3) uint8; returns the input (h, w, 3) uint8 RGB and its letterbox."""
    box = Letterbox.fit(rgb.shape[1], rgb.shape[0], size, stride)
    inner = rgb
    if (box.inner_width, box.inner_height) != (rgb.shape[1], rgb.shape[0]):
        inner = _resize(rgb, box.inner_width, box.inner_height, cv2.INTER_LINEAR)
    canvas = np.full((box.height, box.width, 3), PADDING, np.uint8)
    canvas[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width] = inner
    return canvas, box


def input_of_picture(picture: Picture, size: int, stride: int = 32) -> tuple[Image, Letterbox]:
    """Letterbox a ``yuv420p`` picture; returns the input (h, w, 3) uint8 RGB and its letterbox.

    The planes are scaled first and turned into RGB at the model's size: the full-size picture never leaves YUV.
    """
    box = Letterbox.fit(picture.width, picture.height, size, stride, even=True)
    half_width = box.width // 2
    canvas = np.empty((box.height * 3 // 2, box.width), np.uint8)
    luma = canvas[: box.height]
    # An I420 buffer holds the U plane, then the V plane, each half as wide: seen at that width, they are rows.
    chroma = canvas[box.height :].reshape(box.height, half_width)
    luma.fill(PADDING_LUMA)
    chroma.fill(128)
    _place(picture.y, luma, box.top, box.left, box.inner_height, box.inner_width)
    rows, columns = (box.inner_height + 1) // 2, (box.inner_width + 1) // 2
    for plane, start in ((picture.u, 0), (picture.v, box.height // 2)):
        _place(plane, chroma[start : start + box.height // 2], box.top // 2, box.left // 2, rows, columns)
    rgb = cv2.cvtColor(canvas, cv2.COLOR_YUV2RGB_I420)
    return np.asarray(rgb, np.uint8), box


def _place(plane: Image, canvas: Image, top: int, left: int, height: int, width: int) -> None:
    """Scale ``plane`` to ``height`` x ``width`` into the canvas. Shrinking by 2 or more averages: a gun of a few
    pixels must not fall between the samples."""
    if plane.shape != (height, width):
        shrinks = plane.shape[0] >= 2 * height
        plane = _resize(plane, width, height, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    canvas[top : top + height, left : left + width] = plane


def _resize(image: Image, width: int, height: int, interpolation: int) -> Image:
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def decode(
    output: NDArray[np.float32], letterbox: Letterbox, confidence: float = 0.25, nms_iou: float = 0.6
) -> Detections:
    """The network's output (4 + classes, anchors) float32 -> detections in pixels of the picture, best first.

    The rows are centre x, centre y, width, height in pixels of the input, then one score per class; an anchor has its
    best class only. Thresholds as in Ultralytics: a score must be *above* ``confidence``.
    """
    scores = output[4:].max(axis=0)
    kept = np.flatnonzero(scores > confidence)
    if not len(kept):
        return Detections.none()
    classes = output[4:, kept].argmax(axis=0).astype(np.int32)
    scores = scores[kept]
    centre, half = output[:2, kept].T, output[2:4, kept].T / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
    best = nms(boxes, scores, classes, nms_iou)
    return Detections(letterbox.to_source(boxes[best]), scores[best].astype(np.float32), classes[best])


def nms(boxes: Boxes, scores: NDArray[np.float32], classes: NDArray[np.int32], threshold: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression within each class: indices of the boxes kept, best first.

    A box goes when its IoU with a better one of its class is above ``threshold``. At most :data:`MOST_DETECTIONS`
    stay, of at most :data:`MOST_CANDIDATES` looked at.
    """
    order = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
    boxes, classes = boxes[order], classes[order]
    area = areas(boxes)
    alive = np.ones(len(order), np.bool_)
    kept: list[int] = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(i)
        if len(kept) == MOST_DETECTIONS:
            break
        rest = np.flatnonzero(alive[i + 1 :]) + i + 1
        sides = np.minimum(boxes[i, 2:], boxes[rest, 2:]) - np.maximum(boxes[i, :2], boxes[rest, :2])
        shared = np.prod(np.clip(sides, 0, None), axis=1)
        union = area[i] + area[rest] - shared
        # Compared as a product, so that boxes without area need no special case.
        alive[rest[(shared > threshold * union) & (classes[rest] == classes[i])]] = False
    return order[kept]


MOST_LABEL = 40
"""Signs of a label: of a longer one, the beginning."""


def labels_of(metadata: str) -> tuple[str, ...]:
    """The class names in the ``names`` entry that Ultralytics writes into an export: ``"{0: 'gun', 1: ...}"``.

    Raises ValueError when it is not such a text.
    """
    try:
        names = ast.literal_eval(metadata)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"the names {metadata[:80]!r} are not a dictionary") from error
    if not isinstance(names, dict) or sorted(names) != list(range(len(names))) or not names:
        raise ValueError(f"the names {metadata[:80]!r} do not number the classes from 0")
    labels = tuple(str(names[index])[:MOST_LABEL] for index in range(len(names)))
    if len(set(labels)) < len(labels):
        raise ValueError(f"two classes begin with the same {MOST_LABEL} signs")
    return labels


def check_shapes(inputs: Sequence[Shape], outputs: Sequence[Shape], labels: int) -> None:
    """Whether a network is a YOLOv8 detector for so many labels; a side of -1 is free. Raises ValueError."""
    if len(inputs) != 1 or len(inputs[0]) != 4 or inputs[0][1] not in (3, -1):
        raise ValueError(f"it takes {_shapes(inputs)}, not one picture (1, 3, height, width)")
    if any(side != -1 for side in inputs[0][2:]):
        raise ValueError(f"its input is fixed at {_shapes(inputs)}: export it with dynamic height and width")
    if len(outputs) != 1 or len(outputs[0]) != 3 or outputs[0][1] not in (4 + labels, -1) or outputs[0][2] != -1:
        raise ValueError(f"it gives {_shapes(outputs)}, not the (1, {4 + labels}, anchors) of YOLOv8 with its labels")


def check_output(output: NDArray[np.float32], labels: int) -> None:
    """Whether this can be what a YOLOv8 detector for so many labels gives; raises ValueError that says why not."""
    if output.ndim != 2 or output.shape[0] != 4 + labels or not output.shape[1]:
        raise ValueError(f"it gave {output.shape}, not ({4 + labels}, anchors)")
    if not np.isfinite(output).all():
        raise ValueError("it gave what is no number")
    least, most = float(output[4:].min()), float(output[4:].max())
    if least < -SCORE_SLACK or most > 1 + SCORE_SLACK:
        raise ValueError(f"its scores are from {least:.3g} to {most:.3g}, not from 0 to 1")


def _shapes(shapes: Sequence[Shape]) -> str:
    return " and ".join("(" + ", ".join("?" if side == -1 else str(side) for side in shape) + ")" for shape in shapes)

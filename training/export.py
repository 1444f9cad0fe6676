"""Write trained weights as ONNX and OpenVINO, in float32 and INT8, and show that they see the same.

FOLDER gets ``NAME.onnx``, its INT8 form as OpenVINO has it (``NAME-int8.xml`` and ``.bin``), and ``NAME-export.json``:
how far the outputs are from those of the weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.core.detections import Detections
from server.core.geometry import Letterbox, iou
from server.core.yolo import decode, input_of_image
from server.inference.openvino import open_model

from .errors import TrainingError
from .index import Entry, read_index
from .looking import read

CALIBRATION = 240
"""Pictures INT8 ranges are measured on: more did not change them."""

MOST_APART_PX = 0.05
MOST_APART_SCORE = 1e-3
"""How far a float32 export may be from its weights: what the order of sums makes of float32 at 640 pixels."""

SEEN = 0.05
SAME_IOU = 0.9

HEAD = ".*/model.22/(dfl|Sigmoid|Sub|Add|Mul|Div|Concat|Split|Slice).*"
"""What turns the last maps into boxes and scores stays float32: positions of up to 640 in 256 steps are none."""

KEPT = ("stride", "task", "batch", "imgsz", "names", "channels", "end2end", "args")
"""Of what Ultralytics writes into an export; the rest, the date of the export among it, would differ every time. Its
own tools read ``args``: without it they take the sides for fixed."""

Outputs = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A network by what it gives: RGB (h, w, 3) uint8 -> (4 + classes, anchors) float32."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Two models on the same pictures. ``boxes_px`` and ``scores``: the largest difference at any anchor that the
    first gives a score above 0.05; ``paired``: the share of detections at 0.25 that the other one has too (IoU 0.9)."""

    pictures: int
    boxes_px: float
    scores: float
    paired: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``export``."""
    parser.add_argument("weights", type=Path, help="trained weights: a .pt file")
    parser.add_argument("--data", type=Path, required=True, help="data set: its training pictures calibrate INT8")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--name", default="gun-yolov8n", help="of the files; default: %(default)s")
    parser.add_argument("--version", required=True, help="of the model, as it stands in the files: 0.2.0")
    parser.add_argument("--size", type=int, default=640, help="side of the input; default: %(default)s")
    parser.add_argument("--pictures", type=int, default=100, help="to show parity on; default: %(default)s")
    parser.add_argument("--openvino", action="store_true", help="write OpenVINO IR besides")


def run(arguments: argparse.Namespace) -> int:
    """Export; 1 where the float32 export is not as the weights."""
    if not arguments.weights.is_file():
        raise TrainingError(f"{arguments.weights} is not there: name a .pt file.")
    entries = read_index(arguments.data)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        written = _export(arguments, entries, Path(folder))
        for path in written:
            shutil.copyfile(path, arguments.out / (path.name + ".part"))
            (arguments.out / (path.name + ".part")).replace(arguments.out / path.name)
            print(f"{arguments.out / path.name}: {path.stat().st_size:,} bytes")
    return 0


def _export(arguments: argparse.Namespace, entries: Sequence[Entry], folder: Path) -> list[Path]:
    import openvino

    plain, small = folder / f"{arguments.name}.onnx", folder / f"{arguments.name}-int8.xml"
    weights = _to_onnx(arguments.weights, plain, arguments.version, arguments.size)
    images = list(_inputs(arguments.data, _chosen(entries, "valid", arguments.pictures), arguments.size))
    exact = _parity(weights, _outputs_of(plain), images)
    print(f"float32: boxes within {exact.boxes_px:.4f} px, scores within {exact.scores:.1e} of the weights")
    if exact.boxes_px > MOST_APART_PX or exact.scores > MOST_APART_SCORE:
        raise TrainingError(f"The export sees something else than its weights on {exact.pictures} pictures: {exact}.")
    quantized = _quantize(
        plain, small, list(_inputs(arguments.data, _chosen(entries, "train", CALIBRATION), arguments.size))
    )
    rounded = _parity(weights, _outputs_of(small), images)
    print(f"INT8: {rounded.paired:.1%} of the detections are the same; `evaluate --against` says what it costs")
    report = folder / f"{arguments.name}-export.json"
    files = [plain, *quantized]
    if arguments.openvino:
        files += _save(openvino.Core().read_model(str(plain)), plain.with_suffix(".xml"))
    figures = {
        "version": arguments.version,
        "weights_sha256": _sha256(arguments.weights),
        "files": {path.name: {"sha256": _sha256(path), "bytes": path.stat().st_size} for path in files},
        "parity": {"float32": asdict(exact), "int8": asdict(rounded)},
        "calibration_pictures": CALIBRATION,
    }
    report.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return [*files, report]


def _chosen(entries: Sequence[Entry], split: str, count: int) -> list[Entry]:
    """So many pictures of a split, as evenly from its sets as there are."""
    rng = random.Random(0)
    sets: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.split == split:
            sets.setdefault(entry.set, []).append(entry)
    if not sets:
        raise TrainingError(f"The data set has no {split} pictures.")
    for found in sets.values():
        rng.shuffle(found)
    turns = [entry for turn in range(count) for found in sets.values() for entry in found[turn : turn + 1]]
    return turns[:count]


def _inputs(data: Path, entries: Sequence[Entry], size: int) -> Iterator[NDArray[np.uint8]]:
    """The network's inputs, RGB (h, w, 3) uint8, as the server makes them."""
    for entry in entries:
        yield input_of_image(read(data / entry.file), size)[0]


def _outputs_of(path: Path) -> Outputs:
    return open_model(path, workers=1).infer


def _parity(one: Outputs, other: Outputs, images: Sequence[NDArray[np.uint8]]) -> Parity:
    boxes = scores = 0.0
    found = paired = 0
    for image in images:
        first, second = one(image), other(image)
        seen = first[4:].max(axis=0) > SEEN
        if seen.any():
            boxes = max(boxes, float(np.abs(first[:4, seen] - second[:4, seen]).max()))
            scores = max(scores, float(np.abs(first[4:, seen] - second[4:, seen]).max()))
        ours, theirs = _detections(first, image), _detections(second, image)
        found += len(ours.scores)
        if len(ours.scores) and len(theirs.scores):
            paired += int((iou(ours.boxes, theirs.boxes).max(axis=1) >= SAME_IOU).sum())
    return Parity(len(images), round(boxes, 5), round(scores, 6), round(paired / max(found, 1), 4))


def _detections(output: NDArray[np.float32], image: NDArray[np.uint8]) -> Detections:
    height, width = image.shape[:2]
    return decode(output, Letterbox.fit(width, height, max(width, height)))


def _to_onnx(weights: Path, path: Path, version: str, size: int) -> Outputs:
    """Write the ONNX file; returns the network of the weights themselves."""
    import onnx
    import torch

    from . import ultralytics_env

    ultralytics_env.prepare()
    from ultralytics import YOLO

    copy = path.parent / "weights.pt"  # the export lies beside its weights
    shutil.copyfile(weights, copy)
    try:
        model = YOLO(copy)
        made = model.export(format="onnx", dynamic=True, simplify=True, imgsz=size, verbose=False)
    except Exception as error:  # Ultralytics raises whatever a file that is none of its own leads to
        raise TrainingError(f"{weights} cannot be exported: {error}") from error
    network = onnx.load(made)
    told = {entry.key: entry.value for entry in network.metadata_props}
    trained_at = torch.load(copy, map_location="cpu", weights_only=False).get("date", "")
    kept = {key: told[key] for key in KEPT if key in told}
    # The licence is that of Ultralytics' architecture and training code, whoever's the pictures are.
    ours = {"description": path.stem, "license": "AGPL-3.0", "date": str(trained_at), "version": version}
    onnx.helper.set_model_props(network, {**ours, **kept})
    onnx.save(network, str(path))
    exact = model.model.float().eval()

    def outputs(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        picture = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            result = exact(picture)
        return np.asarray((result[0] if isinstance(result, list | tuple) else result)[0], np.float32)

    return outputs


def _quantize(path: Path, target: Path, images: Sequence[NDArray[np.uint8]]) -> list[Path]:
    """Write the INT8 form of an ONNX file: weights and activations rounded to the ranges seen on these pictures.

    As OpenVINO IR: OpenVINO computes something else from the QuantizeLinear nodes that ONNX would have.
    """
    import nncf
    import openvino

    def as_input(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)

    small = nncf.quantize(
        openvino.Core().read_model(str(path)),
        nncf.Dataset(images, as_input),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(patterns=[HEAD], validate=False),
    )
    return _save(small, target)


def _save(network: Any, target: Path) -> list[Path]:
    import openvino

    openvino.save_model(network, str(target), compress_to_fp16=False)
    return [target, target.with_suffix(".bin")]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""What every backend must do: the same detections from the bundled model, the same words about a wrong one."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from server.config import BUNDLED_MODEL
from server.core.detections import Detections
from server.core.geometry import iou
from server.core.yolo import decode, input_of_image, input_of_picture
from server.plugins import Backend, ModelError, kinds, load

from ..core.builders import FIXTURES, picture_of_rgb, rgb_of
from .models import write_model

PICTURES = sorted(path.stem for path in (FIXTURES / "reference").glob("*.json"))


ONNX_KINDS = [kind for kind in kinds("inference") if kind != "ultralytics"]
"""That one opens .pt files: its tests are in tests/training/torch/."""


@pytest.fixture(scope="module", params=ONNX_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def backend(kind: str) -> Iterator[Backend]:
    """The bundled model in each backend."""
    opened: Backend = load("inference", kind).open_model(BUNDLED_MODEL, workers=2)
    yield opened
    opened.close()


def expected_of(name: str, confidence: str) -> Detections:
    """What Ultralytics saw with the same ONNX file."""
    rows = json.loads((FIXTURES / "reference" / f"{name}.json").read_text())["detections"][confidence]["onnx"]
    return Detections(
        np.array([[row["box"][side] for side in ("x1", "y1", "x2", "y2")] for row in rows], np.float32).reshape(-1, 4),
        np.array([row["score"] for row in rows], np.float32),
        np.array([row["class"] for row in rows], np.int32),
    )


def test_what_a_backend_says_of_the_model(kind: str, backend: Backend) -> None:
    info = backend.info
    assert (info.name, info.labels, info.backend) == ("gun-yolov8n", ("gun",), kind)
    assert (info.size, info.stride) == (640, 32)
    assert info.device
    assert (info.precision, info.asked, info.fallback) == ("fp32", "", None)
    assert info.sha256 == hashlib.sha256(BUNDLED_MODEL.read_bytes()).hexdigest()
    assert info.version


@pytest.mark.parametrize("name", PICTURES)
def test_detections_are_those_of_ultralytics(backend: Backend, name: str) -> None:
    """Down to a score of 0.05: as many boxes, corners within 1 px, scores within 0.01."""
    image, letterbox = input_of_image(rgb_of(name), backend.info.size, backend.info.stride)
    seen = decode(backend.infer(image), letterbox, 0.05, 0.7)
    expected = expected_of(name, "0.05")
    # A score this near to the threshold may fall on either side of it.
    sure, sure_expected = seen.scores > 0.055, expected.scores > 0.055
    for one, other, mask in ((seen, expected, sure), (expected, seen, sure_expected)):
        if not mask.any():
            continue
        overlap = iou(one.boxes[mask], other.boxes)
        twin = overlap.argmax(axis=1)
        np.testing.assert_allclose(one.boxes[mask], other.boxes[twin], atol=1.0)
        np.testing.assert_allclose(one.scores[mask], other.scores[twin], atol=0.01)
        np.testing.assert_array_equal(one.classes[mask], other.classes[twin])


def test_the_reference_has_something_to_say() -> None:
    """Else the test above would pass with a blind model."""
    assert sum(len(expected_of(name, "0.25")) for name in PICTURES) >= 8
    assert any(not len(expected_of(name, "0.25")) for name in PICTURES)


@pytest.mark.parametrize("name", [name for name in PICTURES if len(expected_of(name, "0.25"))])
def test_a_picture_in_yuv_gives_the_same_guns(backend: Backend, name: str) -> None:
    """Video comes as yuv420p: the best gun overlaps that of the RGB way by 0.8, its score is within 0.08."""
    rgb = rgb_of(name)
    results = []
    for image, letterbox in (input_of_image(rgb, 640), input_of_picture(picture_of_rgb(rgb), 640)):
        results.append(decode(backend.infer(image), letterbox, 0.05, 0.6))
    direct, through = results
    assert len(through)
    assert iou(direct.boxes[:1], through.boxes[:1])[0, 0] > 0.8
    assert float(direct.scores[0]) == pytest.approx(float(through.scores[0]), abs=0.08)


@pytest.mark.parametrize("sides", [(32, 32), (640, 384), (352, 640), (1280, 736)])
def test_any_sides_that_are_multiples_of_the_stride(backend: Backend, sides: tuple[int, int]) -> None:
    height, width = sides
    output = backend.infer(np.full((height, width, 3), 114, np.uint8))
    assert output.dtype == np.float32
    assert output.shape == (5, sum(height // step * (width // step) for step in (8, 16, 32)))


def test_a_shape_made_ready_gives_what_it_gave_before(backend: Backend) -> None:
    """OpenVINO compiles a network of its own for a shape that recurs: nothing may change with it."""
    image, _ = input_of_image(rgb_of("gun-ab7ce795b1a9cf05"), 448)
    outputs = [backend.infer(image) for _ in range(5)]
    backend.prepare(*image.shape[:2])
    outputs.append(backend.infer(image))
    for output in outputs[1:]:
        np.testing.assert_allclose(output, outputs[0], atol=1e-2, rtol=1e-3)


def test_an_output_is_not_overwritten_by_later_looks(backend: Backend) -> None:
    image, _ = input_of_image(rgb_of("gun-ab7ce795b1a9cf05"), 320)
    backend.prepare(*image.shape[:2])
    first = backend.infer(image)
    kept = first.copy()
    for _ in range(4):  # more than there are workers, whose memory is used in turns
        backend.infer(np.zeros_like(image))
    np.testing.assert_array_equal(first, kept)


def test_two_threads_at_once_get_each_its_own(backend: Backend) -> None:
    images = [input_of_image(rgb_of(name), 320)[0] for name in ("gun-ab7ce795b1a9cf05", "people-768x432")]
    alone = [backend.infer(image) for image in images]
    start = threading.Barrier(2)

    def look(index: int) -> list[NDArray[np.float32]]:
        start.wait(timeout=20)
        return [backend.infer(images[index]) for _ in range(6)]

    with ThreadPoolExecutor(2) as pool:
        for index, outputs in enumerate(pool.map(look, range(2))):
            for output in outputs:
                np.testing.assert_allclose(output, alone[index], atol=1e-2, rtol=1e-3)


def test_closing_twice_is_harmless(kind: str, tmp_path: Path) -> None:
    opened: Backend = load("inference", kind).open_model(write_model(tmp_path / "small.onnx"), workers=1)
    opened.close()
    opened.close()


def test_a_small_model_opens(kind: str, tmp_path: Path) -> None:
    """The maker of the wrong models below makes a right one too."""
    opened: Backend = load("inference", kind).open_model(write_model(tmp_path / "small.onnx"), workers=1)
    assert opened.info.labels == ("gun",)
    assert opened.infer(np.full((64, 96, 3), 255, np.uint8)) == pytest.approx(np.ones((5, 96)), abs=1e-3)
    opened.close()


def test_labels_come_from_the_file(kind: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "small.onnx", rows=7, names="{0: 'gun', 1: 'knife', 2: 'bat'}")
    opened: Backend = load("inference", kind).open_model(path, workers=1)
    assert opened.info.labels == ("gun", "knife", "bat")
    opened.close()


def not_onnx(path: Path) -> Path:
    path.write_bytes(b"This is no model. " * 50)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def cut_off(path: Path) -> Path:
    path.write_bytes(BUNDLED_MODEL.read_bytes()[:100_000])
    return path


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda path: path, "cannot be read as an ONNX model"),
    "a folder": (folder, "cannot be read as an ONNX model"),
    "not ONNX": (not_onnx, "cannot be read as an ONNX model"),
    "empty": (empty, "(cannot be read as an ONNX model|not a YOLOv8 detector)"),
    "cut off": (cut_off, "cannot be read as an ONNX model"),
    "no names": (lambda path: write_model(path, names=None), "it names no classes"),
    "bad names": (lambda path: write_model(path, names="gun"), "the names 'gun'"),
    "other rows": (lambda path: write_model(path, rows=84), r"it gives \(1, 84, \?\)"),
    "more names than rows": (lambda path: write_model(path, names="{0: 'a', 1: 'b'}"), r"not the \(1, 6, anchors\)"),
    "turned": (lambda path: write_model(path, transposed=True), r"it gives \(1, \?, 5\)"),
    "two outputs": (lambda path: write_model(path, outputs=2), r"it gives \(1, 5, \?\) and \(1, 5, \?\)"),
    "fixed sides": (lambda path: write_model(path, image=(1, 3, 640, 640)), "export it with dynamic height and width"),
    "grey": (
        lambda path: write_model(path, image=(1, 1, "height", "width")),
        "not one picture",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_model_that_cannot_be_used_is_refused_with_the_reason(kind: str, what: str, tmp_path: Path) -> None:
    make, words = BAD[what]
    path = make(tmp_path / "wrong.onnx")
    with pytest.raises(ModelError, match=words) as caught:
        load("inference", kind).open_model(path, workers=1)
    message = str(caught.value)
    assert message.startswith("wrong.onnx ")
    assert "\n" not in message


@pytest.mark.parametrize(("kind_", "device"), [("openvino", "gpu"), ("openvino", "gpu:1"), ("onnxruntime", "cuda:0")])
def test_a_device_that_is_not_there_is_replaced_by_the_cpu(kind_: str, device: str, tmp_path: Path) -> None:
    """None of these is on a machine that tests run on; where one is, its own name is told."""
    opened: Backend = load("inference", kind_).open_model(
        write_model(tmp_path / "small.onnx"), workers=1, device=device
    )
    assert opened.info.asked == device
    assert opened.info.fallback
    assert "\n" not in opened.info.fallback
    assert opened.infer(np.full((64, 96, 3), 255, np.uint8)) == pytest.approx(np.ones((5, 96)), abs=1e-3)
    opened.close()


def test_the_cpu_is_no_fallback_where_it_was_asked_for(kind: str, tmp_path: Path) -> None:
    opened: Backend = load("inference", kind).open_model(write_model(tmp_path / "small.onnx"), workers=1, device="cpu")
    assert (opened.info.asked, opened.info.fallback) == ("cpu", None)
    opened.close()


def test_a_device_that_nobody_knows_is_a_mistake(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no device 'cdua'\. Choose one of: "):
        load("inference", kind).open_model(write_model(tmp_path / "small.onnx"), workers=1, device="cdua")

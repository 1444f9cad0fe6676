"""The INT8 form of a model: which file runs, and how far it may be from float32."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino
import pytest

from server.config import BUNDLED_MODEL
from server.core.geometry import iou
from server.core.yolo import decode, input_of_image
from server.inference.openvino import SMALL, open_model
from server.plugins import Backend, load

from ..core.builders import rgb_of
from .models import write_model
from .test_contract import PICTURES, expected_of

BUNDLED_SMALL = BUNDLED_MODEL.with_name(BUNDLED_MODEL.stem + SMALL)

needs_small = pytest.mark.skipif(not BUNDLED_SMALL.is_file(), reason="the bundled model has no INT8 form")

LEAST_IOU = 0.7
MOST_APART = 0.2
SURE = 0.5
"""Rounding to 8 bits moves a corner by some pixels and a score by some hundredths, more at weak ones: a gun that
float32 is sure of must be found in the same place, and what is no gun must not become one that is nearly as sure."""


@pytest.fixture(scope="module")
def small() -> Iterator[Backend]:
    """The bundled model in INT8."""
    opened = open_model(BUNDLED_MODEL, workers=2, precision="int8")
    yield opened
    opened.close()


@needs_small
def test_the_bundled_model_runs_in_int8(small: Backend) -> None:
    assert (small.info.name, small.info.precision) == (BUNDLED_MODEL.stem, "int8")


@needs_small
@pytest.mark.parametrize("name", PICTURES)
def test_it_sees_the_guns_that_float32_sees(small: Backend, name: str) -> None:
    image, letterbox = input_of_image(rgb_of(name), small.info.size, small.info.stride)
    seen = decode(small.infer(image), letterbox, 0.25, 0.7)
    expected = expected_of(name, "0.25")
    sure = expected.scores >= SURE
    if not len(expected):
        assert (seen.scores < SURE).all()
    if sure.any():
        overlap = iou(expected.boxes[sure], seen.boxes)
        twin = overlap.argmax(axis=1)
        assert (overlap.max(axis=1) >= LEAST_IOU).all()
        np.testing.assert_allclose(seen.scores[twin], expected.scores[sure], atol=MOST_APART)


def pair(folder: Path, *, version: str = "1", small_version: str = "1", labels: str = "{0: 'gun'}") -> Path:
    """A model and what stands for its INT8 form, which gives half as much."""
    path = write_model(folder / "small.onnx")
    whole = openvino.Core().read_model(str(path))
    for entry, value in (("names", "{0: 'gun'}"), ("version", version)):
        whole.set_rt_info(value, ["framework", entry])
    openvino.save_model(whole, str(folder / "whole.xml"), compress_to_fp16=False)
    other = openvino.Core().read_model(str(write_model(folder / "other.onnx", names=labels)))
    for entry, value in (("names", labels), ("version", small_version)):
        other.set_rt_info(value, ["framework", entry])
    openvino.save_model(other, str(folder / f"whole{SMALL}"), compress_to_fp16=False)
    return folder / "whole.xml"


def test_int8_runs_where_it_was_asked_for_and_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = pair(tmp_path)
    caplog.set_level(logging.INFO)
    for precision in ("int8", "fp32"):
        opened = open_model(path, workers=1, precision=precision)
        assert (opened.info.name, opened.info.precision) == ("whole", precision)
        assert opened.infer(np.full((64, 96, 3), 255, np.uint8)) == pytest.approx(np.ones((5, 96)), abs=1e-3)
        opened.close()
    assert "whole runs in INT8: whole-int8.xml" in caplog.text


def test_without_it_the_model_itself_runs(tmp_path: Path) -> None:
    for kind in ("openvino", "onnxruntime"):
        opened: Backend = load("inference", kind).open_model(
            write_model(tmp_path / "small.onnx"), workers=1, precision="int8"
        )
        assert opened.info.precision == "fp32"
        opened.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"small_version": "2"}, "whole-int8.xml is of another version than whole"),
        ({"labels": "{0: 'bat'}"}, "whole-int8.xml is of another version than whole"),
    ],
)
def test_that_of_another_model_is_left_alone(
    changes: dict[str, str], words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened = open_model(pair(tmp_path, **changes), workers=1, precision="int8")
    assert opened.info.precision == "fp32"
    assert words in caplog.text
    opened.close()


def test_one_that_cannot_be_read_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_model(tmp_path / "small.onnx")
    (tmp_path / f"small{SMALL}").write_text("no model")
    opened = open_model(path, workers=1, precision="int8")
    assert opened.info.precision == "fp32"
    assert "small-int8.xml cannot be read" in caplog.text
    opened.close()

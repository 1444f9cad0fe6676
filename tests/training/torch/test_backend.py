"""The backend that opens .pt files sees what the ONNX export of the same weights sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.inference.onnxruntime import open_model as open_onnx
from server.inference.ultralytics import open_model, prepare
from server.plugins import ModelError

CLASSES = 80


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained YOLOv8n, as Ultralytics saves it."""
    folder = tmp_path_factory.mktemp("weights")
    ultralytics = prepare(folder)
    model: Any = ultralytics.YOLO("yolov8n.yaml")
    model.model.names = {number: f"class {number}" for number in range(CLASSES)}
    path = folder / "small.pt"
    model.save(path)
    return path


def test_what_it_says_of_the_model(weights: Path) -> None:
    opened = open_model(weights, workers=1, device="cpu")
    info = opened.info
    assert (info.name, info.backend, info.device, info.fallback) == ("small", "ultralytics", "cpu", None)
    assert info.labels == tuple(f"class {number}" for number in range(CLASSES))
    assert len(info.sha256) == 64
    opened.close()
    opened.close()


def test_it_gives_what_the_onnx_export_gives(weights: Path) -> None:
    ultralytics = prepare(weights.parent)
    path = Path(ultralytics.YOLO(weights).export(format="onnx", dynamic=True, simplify=False, verbose=False))
    ours, other = open_model(weights, workers=1, device="cpu"), open_onnx(path, workers=1, device="cpu")
    rng = np.random.default_rng(0)
    for height, width in ((64, 96), (384, 640)):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        output = ours.infer(image)
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, other.infer(image), atol=0.05, rtol=1e-3)


def test_a_gpu_that_is_not_there_is_replaced_by_the_cpu(weights: Path) -> None:
    opened = open_model(weights, workers=1, device="cuda:7")
    assert opened.info.device == "cpu"
    assert opened.info.asked == "cuda:7"
    assert opened.info.fallback
    assert opened.infer(np.zeros((64, 64, 3), np.uint8)).shape == (4 + CLASSES, 84)


def test_what_it_cannot_open(tmp_path: Path, weights: Path) -> None:
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be opened by Ultralytics"):
        open_model(wrong, workers=1)
    with pytest.raises(ModelError, match=r"is no \.pt file"):
        open_model(tmp_path / "model.onnx", workers=1)
    with pytest.raises(ModelError, match="has no device 'tpu'"):
        open_model(weights, workers=1, device="tpu")

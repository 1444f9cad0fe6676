"""A small real data set, and weights that know nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import ultralytics_env
from training.__main__ import main

PICTURES = Path(__file__).parents[2] / "fixtures" / "guns"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PyTorch and Ultralytics warn of their own doings: an error of theirs fails a test, a warning does not."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("default"))
        item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 pictures, 8 of them gun-free in training, merged by the command itself."""
    folder = tmp_path_factory.mktemp("data") / "set"
    assert main(["data", str(PICTURES), "--by-prefix", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YOLOv8n as it is before any training, always the same."""
    ultralytics_env.prepare()
    import torch
    from ultralytics import YOLO
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "new.pt"
    model = YOLO("yolov8n.yaml")
    model.model = DetectionModel("yolov8n.yaml", nc=1, verbose=False)
    model.model.names = {0: "gun"}
    model.save(path)
    return path

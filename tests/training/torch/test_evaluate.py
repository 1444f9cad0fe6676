"""Our figures are those of Ultralytics; an export sees what its weights see."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import yaml

from training import ultralytics_env
from training.__main__ import main
from training.index import read_index

MODEL = Path(__file__).parents[3] / "models" / "gun-yolov8n.onnx"


@pytest.mark.parametrize("size", [320, 640])
def test_average_precision_is_that_of_ultralytics(data_set: Path, tmp_path: Path, size: int) -> None:
    report = tmp_path / "report.json"
    words = ["evaluate", str(MODEL), "--data", str(data_set), "--split", "train,valid", "--size", str(size)]
    assert main([*words, "--backend", "onnxruntime", "--as-val", "--out", str(report)]) == 0
    ours = json.loads(report.read_text())["pictures"]["together"]

    listed = tmp_path / "pictures.txt"
    listed.write_text("".join(f"{data_set / entry.file}\n" for entry in read_index(data_set) if entry.split != "test"))
    data = tmp_path / "data.yaml"
    data.write_text(yaml.safe_dump({"path": str(data_set), "train": str(listed), "val": str(listed), "names": ["gun"]}))
    ultralytics_env.prepare()
    from ultralytics import YOLO

    theirs = YOLO(MODEL, task="detect").val(
        data=str(data), imgsz=size, batch=16, device="cpu", plots=False, workers=0, project=str(tmp_path), verbose=False
    )
    assert ours["guns"] >= 20
    assert ours["mAP50"] > 0.3, "there is nothing to compare"
    assert ours["mAP50"] == pytest.approx(theirs.box.map50, abs=0.002)
    assert ours["mAP50_95"] == pytest.approx(theirs.box.map, abs=0.002)
    assert ours["best_f1"]["precision"] == pytest.approx(theirs.box.mp, abs=0.01)
    assert ours["best_f1"]["recall"] == pytest.approx(theirs.box.mr, abs=0.01)


def test_an_export_sees_what_its_weights_see(
    data_set: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models"
    words = ["export", str(weights), "--data", str(data_set), "--out", str(out), "--name", "new", "--version", "9.9"]
    assert main([*words, "--size", "160", "--pictures", "8", "--openvino"]) == 0
    report = json.loads((out / "new-export.json").read_text())
    assert report["parity"]["float32"]["boxes_px"] < 0.05
    told = {entry.key: entry.value for entry in onnx.load(str(out / "new.onnx")).metadata_props}
    assert (told["version"], told["names"]) == ("9.9", "{0: 'gun'}")
    assert "'dynamic': True" in told["args"], "Ultralytics would take its sides for fixed"
    for model in (weights, out / "new.onnx", out / "new.xml", out / "new-int8.xml"):
        capsys.readouterr()
        assert main(["evaluate", str(model), "--data", str(data_set), "--split", "valid", "--size", "160"]) == 0
        assert f"`{model.name}`" in capsys.readouterr().out


def test_weights_that_are_none_are_named(data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    words = ["export", str(tmp_path / "bad.pt"), "--data", str(data_set), "--out", str(tmp_path), "--version", "1"]
    assert main(words) == 1
    assert "bad.pt cannot be exported" in capsys.readouterr().err


def test_an_average_lies_between_the_two(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    kept = torch.load(weights, map_location="cpu", weights_only=False)
    for value in kept["model"].state_dict().values():
        if value.is_floating_point():
            value.mul_(3)
    kept["train_args"] = {"imgsz": 640, "project": str(tmp_path)}
    other, out = tmp_path / "other.pt", tmp_path / "mean.pt"
    torch.save(kept, other)
    assert main(["average", str(weights), str(other), "--out", str(out)]) == 0
    one, mean = (torch.load(path, map_location="cpu", weights_only=False)["model"].float() for path in (weights, out))
    for name, value in one.state_dict().items():
        wanted = value * 2 if value.is_floating_point() else value
        torch.testing.assert_close(mean.state_dict()[name], wanted, rtol=2e-3, atol=1e-6)
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    assert main(["average", str(weights), str(tmp_path / "bad.pt"), "--out", str(out)]) == 1
    assert "bad.pt cannot be read as weights" in capsys.readouterr().err
    assert main(["average", str(weights), "--out", str(out)]) == 1
    assert str(tmp_path) not in out.read_bytes().decode("latin-1"), "weights that are passed on tell of no machine"

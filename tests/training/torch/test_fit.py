"""A short training, whole and killed."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from training.__main__ import main
from training.trainer import Trainer, average_decay

SMALL = ["--set", "size=96", "--set", "batch=8", "--set", "epoch_pictures=16", "--set", "watch_pictures=8"]


def fit_words(data_set: Path, weights: Path, out: Path, *more: str) -> list[str]:
    return [
        "fit",
        "--data",
        str(data_set),
        "--weights",
        str(weights),
        "--out",
        str(out),
        "--workers",
        "0",
        *SMALL,
        *more,
    ]


def as_a_person() -> dict[str, str]:
    """Ultralytics' loggers are silent where it sees a test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def losses(out: Path) -> list[float]:
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [sum(float(row[key]) for key in row if key.startswith("train/")) for row in rows]


def test_a_training_lowers_its_loss(data_set: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = fit_words(data_set, weights, out, "--set", "epochs=6", "--set", "degrade=0", "--set", "mosaic=0")
    assert main([*words, "--set", "epoch_pictures=48", "--set", "learning_rate=0.002"]) == 0
    told = losses(out)
    assert len(told) == 6
    assert sum(told[-2:]) < 0.95 * sum(told[:2])
    assert (out / "weights" / "best.pt").is_file()
    assert main(["fit", "--resume", str(out)]) == 1  # it is done


def test_a_killed_training_goes_on_where_it_was(data_set: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = fit_words(data_set, weights, out, "--set", "epochs=6")
    running = subprocess.Popen(
        [sys.executable, "-m", "training", *words],
        env=as_a_person(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    last = out / "weights" / "last.pt"
    until = time.monotonic() + 120
    while not (last.is_file() and len(losses(out)) >= 2):
        assert running.poll() is None, "it ended by itself"
        assert time.monotonic() < until, "no checkpoint came"
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert len(losses(out)) < 6
    assert list(out.glob("events.out.tfevents.*")), "TensorBoard has nothing to show"
    assert main(["fit", "--resume", str(out)]) == 0
    assert len(losses(out)) == 6


def test_a_training_killed_before_its_first_checkpoint_begins_again(
    data_set: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = fit_words(data_set, weights, out, "--set", "epochs=1")
    running = subprocess.Popen(
        [sys.executable, "-m", "training", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while not (out / "fit.json").is_file():
        assert time.monotonic() < until, "it did not begin"
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (out / "weights" / "last.pt").exists()
    assert main(["fit", "--resume", str(out)]) == 0
    assert (out / "weights" / "best.pt").is_file()


@pytest.mark.skipif(os.geteuid() != 0 and not os.environ.get("CI"), reason="mounting a small disk needs root")
def test_a_full_disk_leaves_the_checkpoint_before(
    data_set: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], check=True)
    try:
        out, filler = disk / "run", disk / "filler"
        last = out / "weights" / "last.pt"
        save = Trainer.save_model

        def save_then_fill(trainer: Trainer) -> Any:
            saved = save(trainer)
            if not filler.exists():  # after the first checkpoint there is half the room that another one takes
                filler.write_bytes(bytes(shutil.disk_usage(disk).free - last.stat().st_size // 2))
            return saved

        monkeypatch.setattr(Trainer, "save_model", save_then_fill)
        assert main(fit_words(data_set, weights, out, "--set", "epochs=3")) == 1
        assert f"make room, then go on by --resume {out}" in capsys.readouterr().err
        assert torch.load(last, weights_only=False)["epoch"] == 0
        assert not list(out.rglob("*.part"))
        filler.write_bytes(b"")
        assert main(["fit", "--resume", str(out)]) == 0
        assert len(losses(out)) == 3
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_a_run_began_with_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--resume", str(tmp_path), "--set", "epochs=9"]) == 1
    assert "--set cannot be changed" in capsys.readouterr().err


def test_what_cannot_begin_leaves_no_run(data_set: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(fit_words(data_set, weights, out, "--set", "weights={nowhere: 1}")) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("size=100", "size"),
        ("nonsense=1", "nonsense"),
        ("epochs", "NAME=VALUE"),
        ("weights={nowhere: 1}", "nowhere"),
        ("weights={openimages: -1}", "openimages"),
        ("weights={openimages: 0}", "weight 0"),
        ("gun_cutouts=[pistols]", "--cutouts"),
    ],
)
def test_a_recipe_that_cannot_be_is_named(
    data_set: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    assert main(fit_words(data_set, weights, tmp_path / "run", "--set", change)) == 1
    assert said in capsys.readouterr().err


def test_weights_are_averaged_over_a_tenth_of_the_steps_and_no_more_than_500() -> None:
    ages = [0.0]
    for step in range(1, 10_001):
        ages.append(average_decay(step) * (ages[-1] + 1))
    assert ages[1000] == pytest.approx(100, rel=0.1)
    assert ages[10_000] == pytest.approx(500, rel=0.1)

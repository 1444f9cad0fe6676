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

import pytest

from training.__main__ import main

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
    data_set: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70m", "tmpfs", str(disk)], check=True)
    try:
        out = disk / "run"
        words = fit_words(data_set, weights, out, "--set", "epochs=1")
        assert main(words) == 0
        kept = (out / "weights" / "last.pt").read_bytes()
        shutil.rmtree(out)
        # Room for one checkpoint while the one before is there, but for no more.
        (disk / "filler").write_bytes(bytes(70_000_000 - 3 * len(kept)))
        words = fit_words(data_set, weights, out, "--set", "epochs=3")
        assert main(words) == 1
        assert "disk" in capsys.readouterr().err
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("size=100", "size"),
        ("nonsense=1", "nonsense"),
        ("epochs", "NAME=VALUE"),
        ("weights={nowhere: 1}", "nowhere"),
        ("gun_cutouts=[pistols]", "--cutouts"),
    ],
)
def test_a_recipe_that_cannot_be_is_named(
    data_set: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    assert main(fit_words(data_set, weights, tmp_path / "run", "--set", change)) == 1
    assert said in capsys.readouterr().err

"""The model card says what was measured, of the very files that it is about."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import card
from training.errors import TrainingError
from training.evaluate import figures_of, gun_free_figures
from training.scoring import Seen

MODELS = Path(__file__).parents[2] / "models"

REPORT: dict[str, Any] = {
    "model": {"file": "gun.onnx", "sha256": "0123456789abcdef" * 4, "backend": "openvino"},
    "protocol": "server",
    "size": 640,
    "threshold": 0.25,
    "look_rate": 10.0,
    "pictures": {},
    "gun_free": {},
}


BOX = np.array([[10, 10, 20, 20]], np.float32)


def measured() -> dict[str, Any]:
    """The figures of 30 pictures with one gun each, of which a third are missed."""
    elsewhere = np.array([[60, 60, 70, 70]], np.float32)
    one = [Seen(elsewhere if n % 3 == 0 else BOX, np.array([0.9], np.float32), BOX, 1e4) for n in range(30)]
    figures: dict[str, Any] = figures_of(one)
    return figures


def row(text: str, name: str) -> list[str]:
    """The cells of the first row of a table that begins with this name."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def numbers(cell: str) -> list[float]:
    """All fractions in a cell."""
    return [float(number) for number in re.findall(r"\d\.\d+", cell)]


def test_the_figures_of_a_set_are_those_of_the_report() -> None:
    figures = measured()
    cells = row(card.tables(REPORT | {"pictures": {"photos test": figures, "together": figures}}), "photos test")
    assert cells[1:3] == ["30", "30"]
    for cell, name in ((cells[3], "mAP50"), (cells[4], "mAP50_95")):
        assert numbers(cell) == pytest.approx([figures[name], *figures[f"{name}_interval"]], abs=0.0006)
    at = figures["at"]["0.25"]
    assert numbers(cells[6]) == pytest.approx([at["precision"], at["recall"], *figures["recall_interval"]], abs=0.0006)
    low, high = figures["recall_interval"]
    assert at["recall"] == pytest.approx(2 / 3, abs=0.001)
    assert low < at["recall"] < high


def test_gun_free_pictures_are_told_with_how_sure_that_is() -> None:
    none = np.empty((0, 4), np.float32)
    free = [Seen(BOX, np.array([0.9 if n % 4 == 0 else 0.1], np.float32), none, 1e4) for n in range(40)]
    figures = gun_free_figures({"rooms valid": free})
    text = card.tables(REPORT | {"gun_free": figures})
    low, high = figures["interval"]
    assert 0.05 < low < 0.25 < high < 0.5
    assert f"40 gun-free pictures: 25.0% ({low:.1%} to {high:.1%}) have a box at 0.25." in text


def test_a_renewed_card_keeps_its_prose(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"# Card\n\nBefore.\n\n{card.BEGIN}\nold\n{card.END}\n\nAfter.\n")
    card.renew(path, REPORT)
    card.renew(path, REPORT)
    before, after = path.read_text().split(card.tables(REPORT))
    assert before == f"# Card\n\nBefore.\n\n{card.BEGIN}\n"
    assert after == f"\n{card.END}\n\nAfter.\n"


@pytest.mark.parametrize("text", [None, "no place", card.BEGIN, card.END + card.BEGIN])
def test_a_card_without_a_place_for_figures_is_left_alone(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "README.md"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrainingError, match=r"README\.md"):
        card.renew(path, REPORT)
    assert path.exists() == (text is not None)
    assert text is None or path.read_text() == text


def test_the_bundled_card_names_the_bundled_files() -> None:
    text = (MODELS / "README.md").read_text()
    files = [path for path in MODELS.iterdir() if path.suffix in (".onnx", ".bin", ".xml")]
    assert files
    for path in files:
        assert path.name in text
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text, f"the card tells another {path.name}"
        assert f"{path.stat().st_size:,}" in text

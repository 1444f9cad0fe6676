"""From labels to boxes: whatever is written, what comes out can be trained on."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from training.errors import TrainingError
from training.formats import read
from training.formats.tree import Found, Shape
from training.labels import ROUNDING, SLIGHT, Classes, boxes_of
from training.problems import Problems

from .builders import put

GUN = Classes.of(["gun"], [])
NUMBERS = st.one_of(st.floats(-0.1, 1.1), st.floats(), st.integers(-2, 2)).map(str)
LINES = st.one_of(
    st.lists(NUMBERS, min_size=3, max_size=9).map(lambda words: " ".join(["0", *words])), st.text(max_size=20)
)


def found(*shapes: Shape, size: tuple[float, float] | None = (1, 1)) -> Found:
    return Found(Path("a.png"), None, Path("a.txt"), shapes, size)


@given(st.lists(LINES, max_size=5).map(lambda lines: "\n".join(lines).encode("utf-8", "replace")))
@example(b"0 1e308 1e308 1e308 1e308\n")
@example(b"0 0.5 0.5 -0.1 0.1\n")
def test_any_label_file_gives_boxes_within_the_picture_or_a_problem(data: bytes) -> None:
    problems = Problems()
    with TemporaryDirectory() as folder:
        root = Path(folder)
        put(root / "images/a.png", 1, "")
        (root / "labels/a.txt").write_bytes(data)
        (picture,) = read(root, ("gun",), problems)
        boxes = boxes_of(picture, 64, 48, GUN, problems)
    if boxes is None:
        assert len(problems)
        assert all(problem.line for problem in problems)
    for _, x, y, w, h in boxes or ():
        assert min(w, h) > 0
        assert min(x - w / 2, y - h / 2) >= -1e-6
        assert max(x + w / 2, y + h / 2) <= 1 + 1e-6


@given(st.integers(1, 4000), st.integers(1, 4000), st.data())
def test_fractions_and_pixels_give_the_same_box(width: int, height: int, data: st.DataObject) -> None:
    x1, x2 = sorted((data.draw(st.integers(0, width)), data.draw(st.integers(0, width))))
    y1, y2 = sorted((data.draw(st.integers(0, height)), data.draw(st.integers(0, height))))
    pixels = Shape("gun", 1, (x1, y1, x2, y2))
    fractions = Shape("gun", 1, (x1 / width, y1 / height, x2 / width, y2 / height))
    one, two, three = [
        boxes_of(of, width, height, GUN, Problems())
        for of in (found(pixels, size=None), found(pixels, size=(width, height)), found(fractions))
    ]
    assert one == two == three


def test_labels_for_a_larger_picture_of_the_same_shape_hold_too() -> None:
    of = found(Shape("gun", 1, (480, 240, 800, 720)), size=(1280, 960))
    assert boxes_of(of, 64, 48, GUN, Problems()) == ((0, 0.5, 0.5, 0.25, 0.5),)


@pytest.mark.parametrize(("over", "said"), [(ROUNDING / 2, 0), (SLIGHT / 2, 1)])
def test_what_reaches_over_the_edge_is_clipped(over: float, said: int) -> None:
    problems = Problems()
    assert boxes_of(found(Shape("gun", 1, (0.5, 0.5, 1 + over, 1))), 64, 48, GUN, problems) == (
        (0, 0.75, 0.75, 0.5, 0.5),
    )
    assert len(problems) == said


def test_classes_are_mapped_whatever_their_capitals() -> None:
    classes = Classes.of(["gun", "knife"], ["Pistol=gun", "dagger = knife", "phone=", "*="])
    names = ("GUN", "pistol", "Knife", "dagger", "phone", "anything")
    assert [classes.index(name) for name in names] == [0, 0, 1, 1, None, None]
    with pytest.raises(KeyError):
        GUN.index("pistol")
    with pytest.raises(TrainingError, match="name at least one"):
        Classes.of([], [])

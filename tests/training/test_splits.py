"""Nothing that shows the same lies in two splits, whatever the sources say."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import TrainingError
from training.gather import Picture
from training.index import SPLITS
from training.pictures import THUMB
from training.splits import divide, shares_of

from .builders import picture

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
RANK = {split: rank for rank, split in enumerate(SPLITS)}
MOTIFS = [np.asarray(picture(number).convert("L").resize((THUMB, THUMB), 4), np.float32) for number in range(12)]


def of(motif: int, split: str | None = None, clip: str | None = None, copy: int = 0, boxes: int = 0) -> Picture:
    """A picture of a motif; with the same ``copy`` byte for byte the same."""
    return Picture(
        path=Path("x.png"),
        origin="x.png",
        set="set",
        split=split,
        clip=("set", clip) if clip else None,
        boxes=((0, 0.5, 0.5, 0.1, 0.1),) * boxes,
        width=64,
        height=48,
        sha256=f"{motif:032x}{copy:032x}",
        suffix=".png",
        is_rewritten=False,
        thumb=MOTIFS[motif],
    )


def splits(*pictures: Picture) -> list[str | None]:
    return list(divide(pictures, SHARES).splits)


def test_test_goes_before_valid_and_valid_before_train() -> None:
    one, two = [of(0, split, copy=number) for number, split in enumerate(("train", "test"))]
    assert splits(one, two, of(1, "train")) == [None, "test", "train"]
    assert splits(of(0, "valid"), of(0, "train", copy=1)) == ["valid", None]
    assert splits(of(0, "valid"), of(0, "test", copy=1), of(0, "train", copy=2)) == [None, "test", None]


def test_near_duplicates_in_one_split_stay_and_copies_go() -> None:
    assert splits(of(0, "train"), of(0, "train", copy=1)) == ["train", "train"]
    assert splits(of(0, "train"), of(0, "train", boxes=1)) == [None, "train"]


def test_a_clip_lies_in_one_split() -> None:
    assert splits(of(0, "train", "a"), of(1, "valid", "a"), of(2, "train", "b")) == [None, "valid", "train"]


def test_pictures_without_a_split_join_those_they_belong_to() -> None:
    assert splits(of(0, "valid"), of(0, copy=1), of(1, "test", "a"), of(2, None, "a")) == [
        "valid",
        "valid",
        "test",
        "test",
    ]


def test_what_is_left_out_is_said_with_its_reason() -> None:
    division = divide([of(0, "train"), of(0, "test", copy=1), of(1, "train", "a"), of(2, "valid", "a")], SHARES)
    assert [(drop.place, drop.kept, drop.why) for drop in division.dropped] == [(0, 1, "duplicate"), (2, 3, "clip")]
    assert division.groups[0] == division.groups[1] is not None
    assert division.groups[2] is None


def test_shares_are_kept_and_the_same_each_time() -> None:
    pictures = [of(number % 12, copy=number, clip=str(number)) for number in range(12)]
    first = splits(*pictures)
    assert Counter(first) == {"train": 10, "valid": 1, "test": 1}
    assert splits(*pictures) == first


PICTURES = st.builds(
    of,
    motif=st.integers(0, 11),
    split=st.sampled_from([None, *SPLITS]),
    clip=st.sampled_from([None, "a", "b", "c"]),
    copy=st.integers(0, 3),
    boxes=st.integers(0, 2),
)


@settings(deadline=None)
@given(st.lists(PICTURES, min_size=1, max_size=25))
def test_no_group_lies_in_two_splits(pictures: list[Picture]) -> None:
    division = divide(pictures, SHARES)
    seen: dict[object, set[str]] = defaultdict(set)
    for picture_, split in zip(pictures, division.splits, strict=True):
        if split:
            seen[picture_.clip, "clip"].add(split)
            seen[picture_.thumb.tobytes()].add(split)
    seen.pop((None, "clip"), None)
    assert all(len(found) == 1 for found in seen.values())
    # What has a split keeps it or is left out, and for everything that is left out something stays.
    kept = [(p, s) for p, s in zip(pictures, division.splits, strict=True) if s]
    assert all(p.split in (None, s) for p, s in kept)
    assert kept
    best = max((p.split for p in pictures if p.split), key=RANK.__getitem__, default=None)
    assert best is None or best in {s for _, s in kept}


@pytest.mark.parametrize("text", ["", "train", "train=0.5", "train=1.5,valid=-0.5", "train=x", "learn=1", "train=1=0"])
def test_shares_that_make_no_sense(text: str) -> None:
    with pytest.raises(TrainingError, match="add up to 1"):
        shares_of(text)


def test_shares_that_are_not_named_are_none() -> None:
    assert shares_of("train=0.9, valid=0.1") == {"train": 0.9, "valid": 0.1, "test": 0.0}

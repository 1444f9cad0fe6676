"""Which pictures train, watch and test: what shows the same, or is of one clip, never lies in two splits."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .duplicates import Pair, groups, joined_by, pairs
from .errors import TrainingError
from .gather import Picture
from .index import SPLITS


@dataclass(frozen=True, slots=True)
class Dropped:
    """A picture that is left out, by its place, and that for whose sake it is. ``why``: copy (byte for byte, in the
    same split), duplicate or clip (of one in a split that goes before)."""

    place: int
    kept: int
    why: str


@dataclass(frozen=True, slots=True)
class Division:
    """For each picture its split, None where it is left out, and the group of its near-duplicates, None where it has
    none; all pairs of those; and what is left out."""

    splits: tuple[str | None, ...]
    groups: tuple[str | None, ...]
    pairs: tuple[Pair, ...]
    dropped: tuple[Dropped, ...]


def shares_of(text: str) -> dict[str, float]:
    """``train=0.8,valid=0.1,test=0.1`` -> the share of each split. Raises TrainingError."""
    try:
        shares = {name.strip(): float(share) for name, share in (part.split("=") for part in text.split(","))}
    except ValueError:
        shares = {}
    if not shares or set(shares) - set(SPLITS) or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise TrainingError(f"--split {text}: write shares that add up to 1, such as train=0.8,valid=0.1,test=0.1.")
    return {split: shares.get(split, 0.0) for split in SPLITS}


def divide(pictures: Sequence[Picture], shares: Mapping[str, float]) -> Division:
    """Give each picture its split.

    Test goes before valid, and valid before train: of pictures that show the same, those in a split that comes after
    are left out, so that figures are not made on what was trained on. Pictures without a split join those they show
    the same as, or whose clip they are of; the rest are dealt out by ``shares``, the same way each time.
    """
    found = pairs(np.stack([picture.thumb for picture in pictures]))
    joined = [(pair.first, pair.second) for pair in found] + joined_by([picture.sha256 for picture in pictures])
    near = groups(len(pictures), joined)
    clips = groups(len(pictures), joined_by([picture.clip for picture in pictures]))
    together = groups(len(pictures), [*enumerate(near.tolist()), *enumerate(clips.tolist())])
    splits = _dealt(pictures, together, shares)
    dropped = _copies(pictures, splits)
    gone = {drop.place for drop in dropped}
    for why, of in (("duplicate", near), ("clip", clips)):
        for drop in _in_two(splits, of, why):
            if drop.place not in gone:
                gone.add(drop.place)
                dropped.append(drop)
    sizes = Counter(near.tolist())
    return Division(
        tuple(None if place in gone else split for place, split in enumerate(splits)),
        tuple(pictures[group].sha256[:12] if sizes[group] > 1 else None for group in near.tolist()),
        tuple(found),
        tuple(sorted(dropped, key=lambda drop: drop.place)),
    )


def _rank(split: str) -> int:
    return SPLITS.index(split)


def _dealt(pictures: Sequence[Picture], together: NDArray[np.int64], shares: Mapping[str, float]) -> list[str]:
    """A split for every picture; those that have one keep it."""
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(together.tolist()):
        members[group].append(place)
    splits = [picture.split for picture in pictures]
    loose = []
    for places in members.values():
        given = [split for place in places if (split := splits[place])]
        free = [place for place in places if splits[place] is None]
        if given and free:
            best = max(given, key=_rank)
            for place in free:
                splits[place] = best
        elif free:
            loose.append(free)
    # In an order that has nothing to do with names: neighbours in a folder are often alike.
    loose.sort(key=lambda places: hashlib.sha256(pictures[places[0]].sha256.encode()).digest())
    wanted = {split: share * sum(map(len, loose)) for split, share in shares.items()}
    for places in loose:
        split = max(SPLITS, key=lambda name: wanted[name])
        wanted[split] -= len(places)
        for place in places:
            splits[place] = split
    return [split for split in splits if split]


def _copies(pictures: Sequence[Picture], splits: Sequence[str]) -> list[Dropped]:
    """Files that are byte for byte the same in one split: that with most boxes stays."""
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        same[picture.sha256, splits[place]].append(place)
    dropped = []
    for places in same.values():
        kept = max(places, key=lambda place: len(pictures[place].boxes))
        dropped += [Dropped(place, kept, "copy") for place in places if place != kept]
    return dropped


def _in_two(splits: Sequence[str], groups_of: NDArray[np.int64], why: str) -> list[Dropped]:
    """What lies in a split while another of its group lies in one that goes before."""
    best: dict[int, int] = {}
    for place, group in enumerate(groups_of.tolist()):
        known = best.setdefault(group, place)
        if _rank(splits[place]) > _rank(splits[known]):
            best[group] = place
    return [
        Dropped(place, best[group], why)
        for place, group in enumerate(groups_of.tolist())
        if _rank(splits[place]) < _rank(splits[best[group]])
    ]

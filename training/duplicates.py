"""Pictures that show the same: found by perceptual hash, confirmed by their likeness, mirrored copies too.

The hash is that of pHash.org's ``ph_dct_imagehash`` (C. Zauner, "Implementation and Benchmarking of Perceptual Image
Hash Functions", 2010, section 3.2.1): a DCT-II of the picture as 32 x 32 grey pixels, of which the 8 x 8 lowest
frequencies without the constants are compared with their median.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pictures import THUMB

Thumbs = NDArray[np.float32]

MOST_DISTANCE, LEAST_LIKENESS = 10, 0.97
"""Chosen by looking at all pairs across splits in about 9,000 pictures of guns, tools and rooms. Of the 22 that both
let through, one video aside in which all is alike, 17 are the same photograph, three the same bench with another tool
and two like pistols on the same ground; with likenesses down to 0.96 come only more of the last. No two films of one
room were joined. A missed copy flatters the figures, one too many costs a picture.
"""

COARSE = 16
"""Likeness is that of 16 x 16 pixels: so a copy cropped or turned a little is found too."""

BLOCK = 2048
FLAT = 2.0
"""Standard deviation in grey levels under which a picture shows nothing to compare."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, by their places, that show the same."""

    first: int
    second: int
    mirrored: bool


def _dct_matrix(size: int) -> NDArray[np.float32]:
    """Orthonormal DCT-II, (size, size): row k holds cos(pi * (2n + 1) * k / (2 * size))."""
    k, n = np.arange(size)[:, None], np.arange(size)[None]
    matrix = np.cos(np.pi * (2 * n + 1) * k / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


_LOW = _dct_matrix(THUMB)[1:9]


def hashes(thumbs: Thumbs) -> NDArray[np.uint64]:
    """The perceptual hashes of (n, 32, 32) grey pictures, (n,) uint64."""
    low = np.einsum("ui,nij,vj->nuv", _LOW, thumbs, _LOW, optimize=True).reshape(len(thumbs), 64)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)


def mirrored(thumbs: Thumbs) -> Thumbs:
    """The same pictures as in a mirror."""
    return thumbs[:, :, ::-1]


def pairs(thumbs: Thumbs, distance: int = MOST_DISTANCE, likeness: float = LEAST_LIKENESS) -> list[Pair]:
    """All pairs of (n, 32, 32) grey pictures that show the same: whose hashes differ in at most ``distance`` of 64
    bits, and whose pixels correlate with at least ``likeness``."""
    count = len(thumbs)
    coarse = thumbs.reshape(count, COARSE, THUMB // COARSE, COARSE, THUMB // COARSE).mean(axis=(2, 4))
    centred = coarse - coarse.mean(axis=(1, 2), keepdims=True)
    spread = np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    shows = spread.reshape(-1) > FLAT * COARSE
    unit = centred / np.maximum(spread, 1e-6)
    found = []
    straight = hashes(thumbs)
    for is_mirrored in (False, True):
        others = hashes(mirrored(thumbs)) if is_mirrored else straight
        other_unit = mirrored(unit) if is_mirrored else unit
        for begin in range(0, count, BLOCK):
            near = np.bitwise_count(straight[begin : begin + BLOCK, None] ^ others[None]) <= distance
            first, second = np.nonzero(near)
            first += begin
            keep = (first < second) & shows[first] & shows[second]
            first, second = first[keep], second[keep]
            for at in range(0, len(first), BLOCK):
                a, b = first[at : at + BLOCK], second[at : at + BLOCK]
                alike = np.einsum("nij,nij->n", unit[a], other_unit[b]) >= likeness
                found += [Pair(*pair, is_mirrored) for pair in zip(a[alike].tolist(), b[alike].tolist(), strict=True)]
    return found


def groups(count: int, joined: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """The group of each of ``count`` things, (count,) int64: the place of its first member. What is joined to one is
    joined to all that is joined to it (union-find with path halving)."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for first, second in joined:
        a, b = sorted((root(first), root(second)))
        parent[b] = a
    return np.array([root(node) for node in range(count)], np.int64)


def joined_by(keys: Sequence[Hashable | None]) -> list[tuple[int, int]]:
    """Joins what has the same key; None has none."""
    first: dict[Hashable, int] = {}
    joined = []
    for place, key in enumerate(keys):
        if key is not None and first.setdefault(key, place) != place:
            joined.append((first[key], place))
    return joined

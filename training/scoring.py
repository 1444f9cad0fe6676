"""How good detections are: matching, average precision, curves, false alarms, and how sure all that is. Pure numpy.

Matching and average precision are those of Ultralytics 8.4 (``match_predictions``, ``compute_ap``): detections take,
best score first, the free gun with the highest IoU; precision is made monotonic, read at 101 recalls and integrated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.core.geometry import iou

Floats = NDArray[np.float64]

IOUS = np.linspace(0.5, 0.95, 10)
"""mAP50 is at the first, mAP50-95 the mean over all."""

TINY, SMALL = 0.0025, 0.025
"""Shares of the picture: a gun below the first is tiny, one below the second small, else larger."""

SIZES = {"tiny": (0.0, TINY), "small": (TINY, SMALL), "larger": (SMALL, float("inf"))}

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One picture: what was found, best first, against what is there. ``boxes`` (n, 4) and ``truth`` (m, 4) float32 are
    x1, y1, x2, y2 in pixels, ``scores`` (n,) float32; ``area`` is that of the picture in pixels."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    truth: NDArray[np.float32]
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Detections of many pictures in columns: ``scores`` (n,), ``hits`` (n, 10) bool by IoU threshold, ``pictures``
    (n,) index of the picture; ``guns`` (p,) int: guns in each picture."""

    scores: Floats
    hits: NDArray[np.bool_]
    pictures: NDArray[np.intp]
    guns: NDArray[np.intp]


def match(pictures: Sequence[Seen], size: tuple[float, float] | None = None) -> Matches:
    """Match all pictures. With ``size`` (shares of the picture, from and below), guns of other sizes are passed over,
    with the detections that match them, and so are detections of other sizes that match nothing, as COCO does it."""
    scores, hits, owners, guns = [], [], [], []
    for number, seen in enumerate(pictures):
        found, counted = _match_one(seen, size)
        scores.append(seen.scores[counted])
        hits.append(found[counted])
        owners.append(np.full(int(counted.sum()), number, np.intp))
        guns.append(int(_of_size(seen.truth, seen.area, size).sum()))
    if not pictures:
        return Matches(np.empty(0), np.empty((0, len(IOUS)), np.bool_), np.empty(0, np.intp), np.empty(0, np.intp))
    columns = np.concatenate(scores).astype(np.float64), np.concatenate(hits), np.concatenate(owners)
    return Matches(*columns, np.array(guns, np.intp))


def _match_one(seen: Seen, size: tuple[float, float] | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n, 10) whether a detection hits, (n,) whether it counts."""
    hits = np.zeros((len(seen.scores), len(IOUS)), np.bool_)
    counted = _of_size(seen.boxes, seen.area, size)
    if not len(seen.truth) or not len(seen.scores):
        return hits, counted
    wanted = _of_size(seen.truth, seen.area, size)
    overlap = iou(seen.truth, seen.boxes)
    taken = np.zeros((len(seen.truth), len(IOUS)), np.bool_)
    columns = np.arange(len(IOUS))
    for index in np.flatnonzero((overlap >= IOUS[0]).any(axis=0)):
        free = np.where(taken, 0, overlap[:, index, None])
        best = free.argmax(axis=0)
        matched = free[best, columns] >= IOUS
        taken[best, columns] |= matched
        hits[index] = matched & wanted[best]
        if size is not None and matched.any():
            counted[index] = bool(wanted[best[matched]].all())
    return hits, counted


def _of_size(boxes: NDArray[np.float32], area: float, size: tuple[float, float] | None) -> NDArray[np.bool_]:
    if size is None:
        return np.ones(len(boxes), np.bool_)
    share = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) / area
    return np.asarray((share >= size[0]) & (share < size[1]))


def average_precisions(matches: Matches, weights: NDArray[np.intp] | None = None) -> Floats:
    """AP at each IoU threshold of the matches, (10,) at :data:`IOUS`. ``weights`` (p,): how often a picture counts."""
    weights = np.ones(len(matches.guns), np.intp) if weights is None else weights
    guns = int((matches.guns * weights).sum())
    if not guns or not len(matches.scores):
        return np.zeros(matches.hits.shape[1])
    order = np.argsort(-matches.scores, kind="stable")
    times = weights[matches.pictures[order]].astype(np.float64)
    all_of = np.maximum(times.cumsum(), 1e-9)
    found = (matches.hits[order] * times[:, None]).cumsum(axis=0)
    return np.array([_area(rising / guns, rising / all_of) for rising in found.T])


def _area(recall: Floats, precision: Floats) -> float:
    recall = np.concatenate([[0.0], recall, [recall[-1], 1.0]])
    precision = np.concatenate([[1.0], precision, [0.0, 0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.trapezoid(np.interp(RECALLS, recall, envelope), RECALLS))


def at_threshold(matches: Matches, threshold: float) -> tuple[float, float]:
    """Precision and recall at IoU 0.5 of the detections whose score is above a threshold; precision is 1 with none."""
    above = matches.scores > threshold
    hits = int(matches.hits[above, 0].sum())
    return hits / max(int(above.sum()), 1) if above.any() else 1.0, hits / max(int(matches.guns.sum()), 1)


def best_f1(matches: Matches) -> tuple[float, float, float]:
    """Threshold, precision and recall where their harmonic mean is highest, as Ultralytics finds it: of the curves at
    1,000 thresholds, smoothed over a tenth of them."""
    guns = int(matches.guns.sum())
    if not guns or not len(matches.scores):
        return 0.0, 0.0, 0.0
    order = np.argsort(-matches.scores, kind="stable")
    hits, scores = matches.hits[order, 0].cumsum(), matches.scores[order]
    at = np.linspace(0, 1, 1000)
    recall = np.interp(-at, -scores, hits / guns, left=0)
    precision = np.interp(-at, -scores, hits / np.arange(1, len(hits) + 1), left=1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-16)
    width = 101
    padded = np.concatenate([np.full(width // 2, f1[0]), f1, np.full(width // 2, f1[-1])])
    best = int(np.convolve(padded, np.full(width, 1 / width), mode="valid").argmax())
    return float(at[best]), float(precision[best]), float(recall[best])


def share_above(best_scores: Floats, threshold: float) -> float:
    """Share of gun-free pictures with a box whose score is above the threshold. ``best_scores``: one a picture, 0 for
    none."""
    return float((best_scores > threshold).mean())


def threshold_for(best_scores: Floats, share: float) -> float:
    """The lowest threshold in steps of 0.01 at which at most this share of gun-free pictures has a box."""
    for step in range(1, 100):
        if share_above(best_scores, step / 100) <= share:
            return step / 100
    return 1.0


Figure = Callable[[Matches, NDArray[np.intp]], float]
"""A figure of matches in which each picture counts as often as its weight, (p,), says."""


def ap50(matches: Matches, weights: NDArray[np.intp]) -> float:
    """Average precision at IoU 0.5."""
    first = Matches(matches.scores, matches.hits[:, :1], matches.pictures, matches.guns)
    return float(average_precisions(first, weights)[0])


def ap50_95(matches: Matches, weights: NDArray[np.intp]) -> float:
    """Mean average precision over :data:`IOUS`."""
    return float(average_precisions(matches, weights).mean())


def recall_at(threshold: float) -> Figure:
    """Recall at IoU 0.5 of the detections whose score is above a threshold."""

    def recall(matches: Matches, weights: NDArray[np.intp]) -> float:
        hits = weights[matches.pictures[(matches.scores > threshold) & matches.hits[:, 0]]].sum()
        return float(hits / max(int((matches.guns * weights).sum()), 1))

    return recall


def bootstrap(matches: Matches, figure: Figure, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a figure: pictures drawn with replacement, percentiles of what comes out (Efron, 1979)."""
    return _interval(_resampled(matches, figure, resamples, seed))


def bootstrap_difference(one: Matches, other: Matches, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the AP50 of one less that of the other, on the same pictures drawn for both."""
    return _interval(_resampled(one, ap50, resamples, seed) - _resampled(other, ap50, resamples, seed))


def bootstrap_share(best_scores: Floats, threshold: float, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of :func:`share_above`, likewise."""
    above = (best_scores > threshold).astype(np.float64)
    drawn = np.array([above @ times for times in _draws(len(above), resamples, seed)])
    return _interval(drawn / len(above))


def _resampled(matches: Matches, figure: Figure, resamples: int, seed: int) -> Floats:
    return np.array([figure(matches, times) for times in _draws(len(matches.guns), resamples, seed)])


def _draws(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """How often each of ``count`` pictures is drawn, once for each resample."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, count, count), minlength=count)


def _interval(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)

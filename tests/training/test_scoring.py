"""Figures against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.scoring import (
    IOUS,
    SIZES,
    Figure,
    Matches,
    Seen,
    ap50,
    ap50_95,
    at_threshold,
    average_precisions,
    best_f1,
    bootstrap,
    bootstrap_difference,
    bootstrap_share,
    match,
    recall_at,
    share_above,
    threshold_for,
)

Box = tuple[float, float, float, float]

GUN = (10.0, 10.0, 20.0, 20.0)
ELSEWHERE = (60.0, 60.0, 70.0, 70.0)


def seen(found: list[tuple[float, Box]], truth: list[Box]) -> Seen:
    """A picture of 100x100 with these detections (score, box), best first, and these guns."""
    boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4)
    scores = np.array([score for score, _ in found], np.float32)
    return Seen(boxes, scores, np.array(truth, np.float32).reshape(-1, 4), 100.0 * 100.0)


def columns(hits: list[int], guns: list[int], pictures: list[int] | None = None) -> Matches:
    """Detections, best first, that hit (1) or not (0) at every overlap, all in the first picture if not told."""
    scores = np.linspace(0.9, 0.1, len(hits))
    every = np.repeat(np.array(hits, np.bool_)[:, None], len(IOUS), axis=1)
    return Matches(scores, every, np.array(pictures or [0] * len(hits), np.intp), np.array(guns, np.intp))


def test_a_gun_is_hit_once_by_the_best_score() -> None:
    matches = match([seen([(0.9, GUN), (0.8, GUN)], [GUN])])
    assert matches.hits.all(axis=1).tolist() == [True, False]


def test_a_hit_counts_up_to_its_overlap() -> None:
    half_as_wide_again = (10.0, 10.0, 25.0, 20.0)  # overlap 100 / 150
    matches = match([seen([(0.9, half_as_wide_again)], [GUN])])
    assert matches.hits[0].tolist() == [True] * 4 + [False] * 6


def test_a_detection_takes_the_free_gun_that_it_covers_best() -> None:
    beside = (13.0, 10.0, 23.0, 20.0)
    matches = match([seen([(0.9, GUN), (0.8, (11.0, 10.0, 21.0, 20.0))], [beside, GUN])])
    # The second covers the taken gun better than the free one (0.82 and 0.67): it gets the free one.
    assert matches.hits[0].all()
    assert matches.hits[1].tolist() == [True] * 4 + [False] * 6


def test_a_detection_without_overlap_hits_nothing() -> None:
    matches = match([seen([(0.9, ELSEWHERE)], [GUN])])
    assert not matches.hits.any()
    assert matches.guns.tolist() == [1]


def test_no_pictures_and_no_detections_have_figures() -> None:
    assert average_precisions(match([])).tolist() == [0] * len(IOUS)
    nothing = match([seen([], [GUN])])
    assert average_precisions(nothing).tolist() == [0] * len(IOUS)
    assert at_threshold(nothing, 0.25) == (1.0, 0.0)
    assert best_f1(nothing)[1:] == (0.0, 0.0)


def test_average_precision_of_all_found_is_one() -> None:
    assert average_precisions(columns([1, 1, 1], [3])) == pytest.approx(1.0, abs=0.006)


def test_average_precision_by_hand() -> None:
    # Hit, miss, hit of 2 guns: precision 1 up to recall 0.5, from there 2/3. Of 101 recalls, read at the middle of the
    # step, the area is 0.5 + 0.5 * 2/3, less the slope that the interpolation draws between two recalls.
    got = average_precisions(columns([1, 0, 1], [2]))[0]
    assert got == pytest.approx(0.5 + 0.5 * 2 / 3, abs=0.006)
    assert average_precisions(columns([0, 1, 1], [2]))[0] == pytest.approx(2 / 3, abs=0.006)


def test_what_is_never_found_costs_average_precision() -> None:
    assert average_precisions(columns([1], [4]))[0] == pytest.approx(0.25, abs=0.006)


def test_precision_and_recall_above_a_threshold() -> None:
    matches = match([seen([(0.9, GUN), (0.5, ELSEWHERE), (0.25, ELSEWHERE)], [GUN, (40.0, 40.0, 50.0, 50.0)])])
    assert at_threshold(matches, 0.25) == (0.5, 0.5)  # a score must be above
    assert at_threshold(matches, 0.6) == (1.0, 0.5)
    assert at_threshold(matches, 0.95) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("side", "size"), [(4.9, "tiny"), (5.1, "small"), (15.7, "small"), (15.9, "larger"), (90.0, "larger")]
)
def test_a_gun_has_one_size(side: float, size: str) -> None:
    box = (2.0, 2.0, 2.0 + side, 2.0 + side)
    guns = {name: int(match([seen([], [box])], limits).guns.sum()) for name, limits in SIZES.items()}
    assert guns == {name: int(name == size) for name in SIZES}


def test_guns_of_other_sizes_are_passed_over() -> None:
    tiny, larger = (2.0, 2.0, 6.0, 6.0), (20.0, 20.0, 60.0, 60.0)
    stray_larger, stray_tiny = (60.0, 60.0, 95.0, 95.0), (90.0, 2.0, 94.0, 6.0)
    picture = seen([(0.9, larger), (0.8, stray_larger), (0.7, stray_tiny), (0.6, tiny)], [tiny, larger])
    matches = match([picture], SIZES["tiny"])
    # Of four, two are about other sizes: one hits a larger gun, one hits nothing and is large itself.
    assert matches.scores == pytest.approx([0.7, 0.6])
    assert matches.hits[:, 0].tolist() == [False, True]
    assert matches.guns.tolist() == [1]


def test_a_box_of_another_size_that_hits_a_counted_gun_counts() -> None:
    tiny, grown = (2.0, 2.0, 6.9, 6.9), (2.0, 2.0, 7.4, 7.4)
    matches = match([seen([(0.9, grown)], [tiny])], SIZES["tiny"])
    assert matches.hits[:, 0].tolist() == [True]


def test_share_of_gun_free_pictures_with_a_box() -> None:
    best = np.array([0.0, 0.0, 0.3, 0.25, 0.8])
    assert share_above(best, 0.25) == pytest.approx(0.4)
    assert share_above(best, 0.9) == 0


@pytest.mark.parametrize(("share", "threshold"), [(0.0, 0.8), (0.2, 0.55), (0.4, 0.3), (1.0, 0.01)])
def test_the_threshold_for_a_wanted_share_is_the_lowest(share: float, threshold: float) -> None:
    best = np.array([0.3, 0.295, 0.55, 0.8, 0.1])
    found = threshold_for(best, share)
    assert found == pytest.approx(threshold)
    assert share_above(best, found) <= share


def test_weights_are_pictures_taken_more_than_once() -> None:
    good, bad = seen([(0.9, GUN)], [GUN]), seen([(0.8, ELSEWHERE)], [GUN])
    weighed = average_precisions(match([good, bad]), np.array([1, 3], np.intp))
    assert weighed == pytest.approx(average_precisions(match([good, bad, bad, bad])))


@pytest.mark.parametrize(("figure", "value"), [(ap50, 0.66), (ap50_95, 0.66), (recall_at(0.5), 2 / 3)])
def test_an_interval_holds_the_figure_and_narrows_with_pictures(figure: Figure, value: float) -> None:
    good, bad = seen([(0.9, GUN)], [GUN]), seen([(0.8, ELSEWHERE)], [GUN])
    few, many = match([good, good, bad] * 5), match([good, good, bad] * 60)
    (low, high), (low_of_many, high_of_many) = bootstrap(few, figure, 300), bootstrap(many, figure, 300)
    assert low < value < high
    assert high_of_many - low_of_many < (high - low) / 2
    assert bootstrap(few, figure, 300) == (low, high), "the draw is not the same each time"


def test_a_figure_with_weights_is_that_of_pictures_taken_more_than_once() -> None:
    good, bad = seen([(0.9, GUN)], [GUN]), seen([(0.8, ELSEWHERE)], [GUN])
    once = np.ones(4, np.intp)
    for figure in (ap50, ap50_95, recall_at(0.5)):
        weighed = figure(match([good, bad]), np.array([1, 3], np.intp))
        assert weighed == pytest.approx(figure(match([good, bad, bad, bad]), once))
    assert recall_at(0.85)(match([good, bad]), once[:2]) == 0.5
    assert recall_at(0.95)(match([good, bad]), once[:2]) == 0


def test_the_interval_of_a_share_is_that_of_a_binomial() -> None:
    low, high = bootstrap_share(np.array([0.9] * 20 + [0.1] * 180), 0.5)
    # 0.1 +- 1.96 * sqrt(0.1 * 0.9 / 200)
    assert (low, high) == pytest.approx((0.058, 0.142), abs=0.008)


def test_alike_models_do_not_differ_and_a_better_one_does() -> None:
    good, bad = seen([(0.9, GUN)], [GUN]), seen([(0.8, ELSEWHERE)], [GUN])
    one, worse = match([good, good, bad] * 20), match([good, bad, bad] * 20)
    assert bootstrap_difference(one, one, 200) == (0.0, 0.0)
    assert bootstrap_difference(one, worse, 200)[0] > 0

"""Tracks: the same object keeps its id, another never takes it over."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.detections import Detections
from server.core.tracking import FURTHEST_PREDICTION_S, Tracker, TrackerSettings

from .builders import Corners, box_around, detections_of, track_of

WIDTH, HEIGHT = 640, 480


def ids_of(tracker: Tracker, at: float, *rows: Corners, scores: list[float] | float = 0.8) -> list[int]:
    seen = tracker.update(detections_of(*rows, scores=scores), at, WIDTH, HEIGHT)
    return [int(track_id) for track_id in seen.track_ids]


def test_a_standing_object_keeps_its_id() -> None:
    tracker = Tracker()
    assert [ids_of(tracker, n / 10, box_around(100, 100)) for n in range(5)] == [[1]] * 5
    (track,) = tracker.tracks
    assert track.hits == 5
    assert (track.first_seen, track.last_seen) == (0, 0.4)
    np.testing.assert_allclose(track.velocity, 0, atol=1e-3)


@pytest.mark.parametrize("looks_per_second", [4, 10, 15])
@pytest.mark.parametrize("speed", [50, 200, 400])
def test_a_moving_object_keeps_its_id(looks_per_second: int, speed: float) -> None:
    """From 50 to 400 pixels a second across a picture of 640: at four looks its boxes do not even touch."""
    tracker = Tracker()
    seconds = 500 / speed
    steps = [n / looks_per_second for n in range(int(seconds * looks_per_second) + 1)]
    assert {ids_of(tracker, at, box_around(60 + speed * at, 200))[0] for at in steps} == {1}


def test_velocity_and_prediction_follow_the_motion() -> None:
    tracker = Tracker()
    for n in range(11):
        ids_of(tracker, n / 10, box_around(50 + 20 * n, 400 - 10 * n))
    (track,) = tracker.tracks
    np.testing.assert_allclose(track.velocity, (200, -100), rtol=0.02)
    np.testing.assert_allclose(track.box_at(1.2), box_around(50 + 240, 400 - 120), atol=2)


def test_a_prediction_stays_where_it_was_after_a_while_and_never_goes_back() -> None:
    track = track_of(1, at=10.0, velocity=(100, 0))
    moved = track.box_at(10 + FURTHEST_PREDICTION_S)
    np.testing.assert_allclose(moved, track.box + np.array([50, 0, 50, 0]))
    np.testing.assert_array_equal(track.box_at(99), moved)
    np.testing.assert_array_equal(track.box_at(9), track.box)


def test_two_objects_that_pass_each_other_keep_their_ids() -> None:
    """Opposite ways, 25 px apart in height: the boxes overlap, and each is nearer to the other's last place."""
    tracker = Tracker()
    for n in range(21):
        left, right = box_around(100 + 20 * n, 200), box_around(500 - 20 * n, 225)
        rows = (left, right) if n % 2 else (right, left)
        expected = [1, 2] if not n % 2 else [2, 1]
        assert ids_of(tracker, n / 10, *rows) == expected


def test_an_object_that_is_hidden_for_a_moment_keeps_its_id() -> None:
    tracker = Tracker()
    for n in range(6):
        ids_of(tracker, n / 10, box_around(100 + 10 * n, 100))
    for n in range(6, 10):
        assert ids_of(tracker, n / 10) == []
    assert ids_of(tracker, 1.0, box_around(200, 100)) == [1]


def test_an_object_gone_for_long_is_a_new_one() -> None:
    tracker = Tracker()
    ids_of(tracker, 0.0, box_around(100, 100))
    assert ids_of(tracker, 1.51, box_around(100, 100)) == [2]
    assert [track.id for track in tracker.tracks] == [2]


def test_a_far_object_is_another() -> None:
    tracker = Tracker()
    ids_of(tracker, 0.0, box_around(60, 60))
    assert ids_of(tracker, 0.1, box_around(560, 420)) == [2]


def test_an_object_of_another_size_is_another() -> None:
    tracker = Tracker()
    ids_of(tracker, 0.0, box_around(300, 200, 40, 30))
    assert ids_of(tracker, 0.1, box_around(300, 200, 200, 150)) == [2]


def test_an_object_of_another_class_is_another() -> None:
    tracker = Tracker()
    box = box_around(100, 100)
    ids = [
        tracker.update(detections_of(box, classes=kind), at, WIDTH, HEIGHT).track_ids.tolist()
        for at, kind in ((0.0, 0), (0.1, 1), (0.2, 0))
    ]
    assert ids == [[1], [2], [1]]


def test_a_weak_detection_carries_on_but_does_not_begin() -> None:
    tracker = Tracker()
    assert ids_of(tracker, 0.0, box_around(100, 100), scores=0.2) == []
    assert tracker.tracks == ()
    assert ids_of(tracker, 0.1, box_around(100, 100), scores=0.3) == [1]
    assert ids_of(tracker, 0.2, box_around(100, 100), box_around(400, 400), scores=[0.2, 0.2]) == [1]
    assert ids_of(tracker, 0.3, box_around(100, 100), scores=0.09) == []


def test_a_strong_detection_goes_before_a_weak_one_that_is_nearer() -> None:
    tracker = Tracker()
    ids_of(tracker, 0.0, box_around(100, 100))
    seen = tracker.update(
        detections_of(box_around(110, 100), box_around(100, 100), scores=[0.9, 0.15]), 0.1, WIDTH, HEIGHT
    )
    assert seen.track_ids.tolist() == [1]
    assert seen.scores.tolist() == pytest.approx([0.9])


@pytest.mark.parametrize("elapsed", [0.0, 1e-6, 0.001, 0.01])
def test_two_looks_in_quick_succession_do_not_throw_a_box_away(elapsed: float) -> None:
    """Frames may come in bursts; the few pixels by which two boxes of one object differ are no motion then."""
    tracker = Tracker()
    for n in range(5):
        ids_of(tracker, n / 10, box_around(300, 200))
    ids_of(tracker, 0.4 + elapsed, box_around(303, 202))
    (track,) = tracker.tracks
    shift = track.box_at(99.0) - np.array(box_around(300, 200), np.float32)
    assert np.abs(shift).max() < 60  # its own width


@pytest.mark.parametrize("elapsed", [0.0, 1e-6, 0.001])
def test_a_second_sighting_at_once_does_not_either(elapsed: float) -> None:
    tracker = Tracker()
    ids_of(tracker, 1.0, box_around(300, 200))
    ids_of(tracker, 1.0 + elapsed, box_around(303, 202))
    (track,) = tracker.tracks
    assert np.abs(track.box_at(99.0) - np.array(box_around(300, 200), np.float32)).max() < 60


def test_many_looks_a_second_still_find_the_velocity() -> None:
    tracker = Tracker()
    for n in range(60):
        ids_of(tracker, n / 60, box_around(100 + 4 * n, 200))
    np.testing.assert_allclose(tracker.tracks[0].velocity, (240, 0), atol=15)


def test_nothing_seen_is_nothing_tracked() -> None:
    tracker = Tracker()
    assert len(tracker.update(Detections.none(), 0.0, WIDTH, HEIGHT)) == 0
    assert tracker.tracks == ()


SCENES = st.lists(
    st.lists(
        st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT), st.integers(0, 200), st.integers(0, 200)), max_size=5
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(SCENES, st.floats(0, 2), st.data())
def test_whatever_comes_ids_are_unique_and_grow_and_the_numbers_stay_finite(
    scenes: list[list[tuple[int, int, int, int]]], step: float, data: st.DataObject
) -> None:
    tracker = Tracker()
    begun: list[int] = []
    for n, scene in enumerate(scenes):
        rows = [(x, y, x + width, y + height) for x, y, width, height in scene]
        scores = [data.draw(st.floats(0.0625, 1, width=32)) for _ in rows]
        seen = tracker.update(detections_of(*rows, scores=scores), n * step, WIDTH, HEIGHT)
        ids = seen.track_ids.tolist()
        assert len(set(ids)) == len(ids)
        assert sum(score >= TrackerSettings().new_score for score in scores) <= len(ids) <= len(rows)
        begun += [new for new in sorted(ids) if new not in begun]
        alive = {track.id: track for track in tracker.tracks}
        assert set(ids) <= set(alive)
        for track in alive.values():
            assert np.isfinite(track.box).all()
            assert np.isfinite(track.velocity).all()
            assert n * step - track.last_seen <= TrackerSettings().lost_after_s
            assert (track.box[2:] >= track.box[:2] - 1e-2).all()
    assert all(one < other for one, other in pairwise(begun))


def test_a_track_stays_on_its_object_when_the_picture_changes_its_size() -> None:
    tracker = Tracker()
    large = detections_of((400, 300, 480, 360), scores=0.8)
    small = detections_of((200, 150, 240, 180), scores=0.8)
    before = tracker.update(large, 0.0, 640, 480)
    after = tracker.update(small, 0.1, 320, 240)
    assert after.track_ids.tolist() == before.track_ids.tolist()
    np.testing.assert_allclose(tracker.tracks[0].box, small.boxes[0], atol=0.5)
    np.testing.assert_allclose(tracker.tracks[0].velocity, 0, atol=5)

"""What a feed counts, and its last hour."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.figures import Cause, Figures
from server.core.history import MOST_SAMPLES, STEP_S, Skipped


def test_a_span_tells_what_happened_in_it() -> None:
    figures = Figures(100.0)
    for n in range(100):
        figures.frame(100 + n / 10, moving=n < 25, steady=True)
        if n % 4:
            figures.skip(Cause.STILL)
        else:
            figures.look(100 + n / 10, 0.1 if n < 96 else 0.5)
    figures.tick(105.0, 5.0, "live")
    assert figures.history.samples() == []
    figures.tick(110.0, 10.0, "live")
    (sample,) = figures.history.samples()
    assert (sample.at, sample.state) == (10.0, "live")
    assert sample.frames_per_second == pytest.approx(10)
    assert sample.looks_per_second == pytest.approx(2.5)
    assert sample.delay_p95 == pytest.approx(0.1)
    assert sample.skipped == Skipped(still=75)
    assert sample.moving == pytest.approx(0.25)


def test_a_span_knows_nothing_of_the_one_before() -> None:
    figures = Figures(0.0)
    figures.frame(1.0, moving=True, steady=True)
    figures.look(1.0, 0.1)
    figures.lost(4)
    figures.skip(Cause.LOST, 4)
    figures.tick(10.0, 10.0, "live")
    figures.tick(20.0, 20.0, "retrying")
    before, after = figures.history.samples()
    assert (before.skipped, before.frames_per_second, before.moving) == (Skipped(lost=4), 0.5, 0.2)
    assert (after.state, after.skipped, after.delay_p95) == ("retrying", Skipped(), None)
    assert (after.frames_per_second, after.looks_per_second, after.moving) == (0, 0, 0)


@given(st.lists(st.floats(0.9, 1.2), min_size=30, max_size=60))
def test_ticks_that_come_about_once_a_second_make_a_sample_about_every_ten(waits: list[float]) -> None:
    figures = Figures(0.0)
    now = 0.0
    for wait in waits:
        now += wait
        figures.tick(now, now, "live")
    times = [0.0, *(sample.at for sample in figures.history.samples())]
    assert all(STEP_S - 0.5 <= after - before < STEP_S + 0.7 for before, after in pairwise(times))
    assert now - times[-1] < STEP_S


def test_the_last_hour_is_kept_oldest_first_and_no_more() -> None:
    figures = Figures(0.0)
    for n in range(1, MOST_SAMPLES + 41):
        figures.tick(n * STEP_S, n, "live")
    times = [sample.at for sample in figures.history.samples()]
    assert times == list(range(41, MOST_SAMPLES + 41))
    assert MOST_SAMPLES * STEP_S == 3600


@given(st.lists(st.sampled_from(list(Cause)), max_size=50))
def test_every_skipped_frame_has_one_cause(causes: list[Cause]) -> None:
    figures = Figures(0.0)
    for cause in causes:
        figures.skip(cause)
    skipped = figures.summary(1.0).counts.skipped
    assert skipped.total == len(causes)
    for cause in Cause:
        assert getattr(skipped, cause) == causes.count(cause)


def test_the_interval_of_frames_is_smoothed_and_leaves_pauses_out() -> None:
    figures = Figures(0.0)
    assert (figures.frame_interval, figures.last_frame_at) == (None, None)
    figures.frame(1.0, moving=True, steady=True)
    assert figures.frame_interval is None
    for n in range(1, 60):
        figures.frame(1 + n * 0.04 + (0.02 if n % 2 else 0), moving=True, steady=True)
    assert figures.frame_interval == pytest.approx(0.04, rel=0.1)
    assert figures.last_frame_at is not None
    figures.frame(figures.last_frame_at + 600, moving=True, steady=False)
    assert figures.frame_interval == pytest.approx(0.04, rel=0.1)

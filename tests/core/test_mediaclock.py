"""One clock out of many: it only grows, keeps a stream's own steps, and takes the time that passed for the others."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.frame import CLOCK_RATE
from server.core.mediaclock import LONGEST_STEP, MediaClock

NOW = 1000.0
PICTURES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**40), 2**40), st.integers(0, 20).map(lambda n: n * 3000)),
        st.floats(0, 30, allow_nan=False),
        st.booleans(),
    ),
    min_size=2,
    max_size=30,
)


def test_a_streams_own_steps_are_kept() -> None:
    clock = MediaClock()
    assert [clock.at(pts, NOW + n / 7) for n, pts in enumerate((50_000, 53_000, 59_000, 59_001))] == [
        *(0, 3000, 9000, 9001)
    ]


@pytest.mark.parametrize("jump", [0, -1, -50_000, LONGEST_STEP + 1, 2**33])
def test_a_jump_is_the_time_that_passed(jump: int) -> None:
    clock = MediaClock()
    clock.at(90_000, NOW)
    assert clock.at(90_000 + jump, NOW + 0.5) == CLOCK_RATE // 2
    assert clock.at(90_000 + jump + 3000, NOW + 9) == CLOCK_RATE // 2 + 3000, "and then the new clock counts"


def test_a_pause_is_no_jump() -> None:
    clock = MediaClock()
    clock.at(0, NOW)
    assert clock.at(LONGEST_STEP, NOW + 1) == LONGEST_STEP


def test_without_timestamps_the_arrival_counts() -> None:
    clock = MediaClock()
    assert [clock.at(None, NOW + n / 10) for n in range(3)] == [0, 9000, 18000]


def test_another_stream_goes_on_where_the_last_one_ended() -> None:
    clock = MediaClock()
    clock.at(7_000_000, NOW)
    clock.restart()
    clock.restart()
    assert clock.at(7_003_000, NOW + 2) == 2 * CLOCK_RATE
    clock.restart()
    assert clock.at(0, NOW + 2) == 2 * CLOCK_RATE + 1, "grows though no time has passed"


@given(PICTURES)
def test_whatever_comes_it_grows(pictures: list[tuple[int | None, float, bool]]) -> None:
    clock = MediaClock()
    now = NOW
    stamps = []
    for pts, passed, anew in pictures:
        if anew:
            clock.restart()
        now += passed
        stamps.append(clock.at(pts, now))
    assert stamps[0] == 0
    assert all(after > before for before, after in pairwise(stamps))
    longest = sum(max(round(passed * CLOCK_RATE), LONGEST_STEP) for _, passed, _ in pictures)
    assert stamps[-1] <= longest, "and does not run away"


def test_a_clock_that_goes_back_does_not_take_it_back() -> None:
    clock = MediaClock()
    clock.at(None, NOW)
    assert clock.at(None, NOW - 5) == 1

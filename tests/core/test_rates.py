"""Rates and delays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.rates import Delays, Rate


def rate_after(times: list[float], now: float, window_s: float = 3.0) -> float:
    rate = Rate(window_s)
    for at in times:
        rate.count(at)
    return rate.at(now)


@given(st.floats(0.1, 120), st.floats(0, 1))
def test_a_steady_rate_is_told_as_it_is(per_second: float, phase: float) -> None:
    """Up to one period may have passed since the last: nothing is missing yet."""
    times = [n / per_second for n in range(int(max(4 * per_second, 5)))]
    assert rate_after(times, times[-1] + phase / per_second) == pytest.approx(per_second, rel=1e-3)


def test_a_look_in_two_seconds_is_a_rate() -> None:
    """As a feed is looked at where nothing moves: it neither drops to nothing nor flickers between two looks."""
    rate = Rate()
    told = []
    for tenth in range(200):
        if tenth % 18 == 0:
            rate.count(tenth / 10)
        told.append(rate.at(tenth / 10))
    assert all(value == pytest.approx(1 / 1.8) for value in told[19:])


def test_a_burst_at_the_start_is_no_rate() -> None:
    """A camera sends what it has kept at once, then 15 a second: after a second they are told as what came in it."""
    burst = [n / 1000 for n in range(10)]
    steady = [0.01 + n / 15 for n in range(1, 76)]
    told = [
        rate_after([at for at in burst + steady if at <= now], now) for now in (0.0, 0.005, 0.5, 1.0, 2.0, 3.1, 5.0)
    ]
    assert max(told) < 26
    assert told[0] == 0
    assert told[-2:] == [pytest.approx(15, rel=0.05)] * 2


def test_after_silence_it_begins_anew() -> None:
    rate = Rate()
    for n in range(30):
        rate.count(n / 10)
    assert rate.at(50.0) == 0
    for n in range(11):
        rate.count(50 + n / 20)
    assert rate.at(50.5) == pytest.approx(10), "half of a second of 20 a second"
    for n in range(11, 41):
        rate.count(50 + n / 20)
    assert rate.at(52.0) == pytest.approx(20)


def test_silence_brings_it_down_to_nothing() -> None:
    times = [n / 10 for n in range(31)]
    told = [rate_after(times, 3 + wait) for wait in (0, 0.5, 1, 2, 2.5, 3.01, 100)]
    assert told == sorted(told, reverse=True)
    assert told[0] == pytest.approx(10)
    assert told[3] < 5
    assert told[-2:] == [0, 0]


@pytest.mark.parametrize("times", [[], [1.0]])
def test_one_is_no_rate(times: list[float]) -> None:
    assert rate_after(times, 1.5) == 0


def test_two_at_one_instant_do_not_divide_by_zero() -> None:
    assert rate_after([1.0, 1.0], 1.0) == 1, "one more than the first in a second"


@given(st.lists(st.floats(0, 100, width=32), max_size=60), st.floats(0, 110))
def test_it_is_never_more_than_was_counted(times: list[float], now: float) -> None:
    told = rate_after(sorted(times), now)
    assert told >= 0
    assert np.isfinite(told)


def test_memory_is_bounded_and_the_rate_still_right() -> None:
    rate = Rate(window_s=3.0, most=300)
    for n in range(3000):
        rate.count(n / 250)
    assert rate.at(12.0) == pytest.approx(250, rel=0.05)
    assert len(rate._times) == 300


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_delays_are_those_of_the_last_hundred(seconds: list[float]) -> None:
    delays = Delays()
    for value in seconds:
        delays.add(value)
    summary = delays.summary()
    assert summary
    assert summary.median == pytest.approx(float(np.median(seconds[-100:])))
    assert summary.p95 == pytest.approx(float(np.percentile(seconds[-100:], 95)))


def test_no_delay_has_no_summary() -> None:
    assert Delays().summary() is None

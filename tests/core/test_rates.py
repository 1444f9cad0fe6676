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


@given(st.floats(2, 120), st.floats(1, 20), st.floats(0, 1))
def test_a_steady_rate_is_told_as_it_is(per_second: float, seconds: float, phase: float) -> None:
    times = [n / per_second for n in range(int(seconds * per_second) + 1)]
    told = rate_after(times, times[-1] + phase / per_second)
    # Up to one period has passed since the last: of those in the window, one may be missing.
    periods = min(len(times), int(3 * per_second)) - 1
    assert per_second * (1 - 1 / (periods + 1)) * 0.999 <= told <= per_second * 1.001


def test_it_is_honest_before_the_window_has_filled() -> None:
    assert rate_after([0, 0.1, 0.2, 0.3], 0.3) == pytest.approx(10)


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
    assert rate_after([1.0, 1.0], 1.0) == 0


@given(st.lists(st.floats(0, 100, width=32), max_size=60), st.floats(0, 110))
def test_it_is_never_more_than_was_counted(times: list[float], now: float) -> None:
    told = rate_after(sorted(times), now)
    assert told >= 0
    assert np.isfinite(told)


def test_memory_is_bounded_and_the_rate_still_right() -> None:
    rate = Rate(window_s=3.0, most=64)
    for n in range(3000):
        rate.count(n / 1000)
    assert rate.at(3.0) == pytest.approx(1000, rel=0.05)
    assert len(rate._times) == 64


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

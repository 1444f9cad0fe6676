"""A circuit breaker: opens after failures in a row, lets one try through now and then, closes when that succeeds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.core.breaker import FAILURES, FIRST_S, MOST_S, Breaker, Circuit


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.begin()
        breaker.failed(now, 1.0)
    return breaker


def test_it_opens_after_failures_in_a_row_alone() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert not breaker.failed(0, 1.0)
        assert not breaker.succeeded()
        assert breaker.circuit(0) is Circuit.CLOSED
    assert [breaker.failed(0, 1.0) for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    assert breaker.circuit(0) is Circuit.OPEN
    assert not breaker.permits(0)


def test_one_try_shows_whether_it_is_back() -> None:
    breaker = opened()
    assert breaker.until() == FIRST_S
    assert not breaker.permits(FIRST_S - 0.01)
    assert breaker.circuit(FIRST_S) is Circuit.HALF_OPEN
    assert breaker.permits(FIRST_S)
    breaker.begin()
    assert not breaker.permits(FIRST_S + 100), "one at a time"
    assert breaker.until() is None
    assert breaker.circuit(FIRST_S) is Circuit.HALF_OPEN
    assert breaker.succeeded()
    assert breaker.circuit(FIRST_S) is Circuit.CLOSED
    assert breaker.permits(FIRST_S)


def test_the_waits_grow_to_a_minute_and_begin_anew_once_all_was_well() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(7):
        until = breaker.until()
        assert until is not None
        waits.append(until - now)
        now = until
        breaker.begin()
        assert breaker.failed(now, 1.0)
    assert waits == [5, 10, 20, 40, 60, 60, 60]
    breaker.begin()
    breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed(now, 1.0)
    assert breaker.until() == now + FIRST_S


def test_what_was_under_way_when_it_opened_does_not_lengthen_the_wait() -> None:
    breaker = opened()
    for _ in range(20):
        assert breaker.failed(1.0, 1.0)
    assert breaker.until() == FIRST_S


def test_a_late_success_closes_it() -> None:
    breaker = opened()
    assert breaker.succeeded()
    assert breaker.permits(0)


def test_a_try_that_says_nothing_lets_the_next_one_through() -> None:
    breaker = opened()
    breaker.begin()
    breaker.cease()
    assert breaker.permits(FIRST_S)
    assert breaker.circuit(FIRST_S) is Circuit.HALF_OPEN


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=60))
def test_a_dead_receiver_gets_at_most_a_try_in_half_the_wait(steps: list[tuple[float, float]]) -> None:
    breaker, now, tries = opened(), 0.0, 0
    for seconds, chance in steps:
        now += seconds
        if breaker.permits(now):
            breaker.begin()
            breaker.failed(now, chance)
            tries += 1
            until = breaker.until()
            assert until is not None
            assert FIRST_S - 1e-6 <= until - now <= MOST_S + 1e-6
        assert tries <= 1 + now / (FIRST_S / 2)

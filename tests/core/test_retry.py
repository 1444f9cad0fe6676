"""Waits of a delivery that failed: they double, chance shortens them, a wish makes them longer, and a day ends them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.core.retry import RetryRule

RULE = RetryRule()
CHANCE = st.floats(0, 1)
NOW = 1_800_000_000.0


def waits(chance: float, count: int = 13) -> list[float]:
    times = [RULE.next_try(failures, NOW, NOW, chance, None) for failures in range(1, count + 1)]
    return [round(at - NOW, 3) for at in times if at is not None]


def test_the_longest_waits_double_up_to_a_quarter_of_an_hour() -> None:
    assert waits(1.0) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert waits(0.5)[:4] == [0.5, 1, 2, 4]
    assert set(waits(0.0)) == {0}


@given(st.integers(1, 10**9), CHANCE)
def test_full_jitter(failures: int, chance: float) -> None:
    at = RULE.next_try(failures, NOW, NOW, chance, None)
    assert at is not None
    assert NOW <= at <= NOW + 900


def test_a_wish_to_be_left_alone_holds_up_to_a_quarter_of_an_hour() -> None:
    assert RULE.next_try(1, NOW, NOW, 0.0, 120) == NOW + 120
    assert RULE.next_try(1, NOW, NOW, 0.0, 86_400) == NOW + 900
    assert RULE.next_try(9, NOW, NOW, 1.0, 5) == NOW + 256, "one's own wait may be longer"
    assert RULE.next_try(1, NOW, NOW, 1.0, -5) == NOW + 1


def test_after_a_day_it_is_over_and_not_before() -> None:
    day = RULE.for_s
    assert RULE.next_try(100, NOW, NOW + day - 10, 1.0, None) == NOW + day, "a last try when the time is up"
    assert RULE.next_try(100, NOW, NOW + day - 10, 1.0, 60) == NOW + day + 50
    assert RULE.next_try(100, NOW, NOW + day, 1.0, None) is None


@given(st.lists(CHANCE, min_size=1, max_size=30))
def test_a_receiver_that_is_down_is_not_flooded(chances: list[float]) -> None:
    now, tries = NOW, 0
    while (at := RULE.next_try(tries + 1, NOW, now, max(chances[tries % len(chances)], 0.25), None)) is not None:
        now, tries = at, tries + 1
    assert now >= NOW + RULE.for_s
    assert tries < 500

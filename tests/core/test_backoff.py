"""Waits grow to half a minute, by chance shorter, and begin anew once all was well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.core.backoff import FIRST_S, GOOD_S, MOST_S, Backoff

CHANCE = st.floats(0, 1)


def test_the_longest_waits_double_up_to_the_most() -> None:
    backoff = Backoff()
    assert [backoff.next(1.0) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert backoff.tries == 8


def test_a_moment_of_life_is_no_recovery() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next(1.0)
    backoff.lived(GOOD_S - 1)
    assert backoff.next(1.0) == MOST_S
    backoff.lived(GOOD_S)
    assert backoff.next(1.0) == FIRST_S


@given(st.lists(CHANCE, min_size=1, max_size=40))
def test_a_wait_is_between_half_and_all_of_its_most(chances: list[float]) -> None:
    backoff, whole = Backoff(), Backoff()
    for chance in chances:
        wait, most = backoff.next(chance), whole.next(1.0)
        assert most / 2 <= wait <= most <= MOST_S
        assert wait >= FIRST_S / 2


def test_after_years_it_still_waits() -> None:
    backoff = Backoff()
    backoff.tries = 10**9
    assert backoff.next(1.0) == MOST_S

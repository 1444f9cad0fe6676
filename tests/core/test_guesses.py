"""Who guesses waits, and nobody else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.core.guesses import FIRST_WAIT_S, FORGOTTEN_S, LONGEST_WAIT_S, Guesses


def test_the_wait_begins_after_so_many_and_doubles() -> None:
    guesses, now = Guesses(3), 0.0
    waits = []
    for _ in range(8):
        assert [guesses.wrong("a", now) for _ in range(3)] == [False, False, True]
        waits.append(guesses.wait_s("a", now))
        now += waits[-1]
        assert guesses.wait_s("a", now) == 0
    assert waits == [60, 120, 240, 480, 900, 900, 900, 900]
    assert (waits[0], waits[-1]) == (FIRST_WAIT_S, LONGEST_WAIT_S)


def test_what_comes_during_the_wait_makes_it_no_longer() -> None:
    guesses = Guesses(1)
    assert guesses.wrong("a", 0)
    assert not any(guesses.wrong("a", second) for second in range(1, 59))
    assert guesses.wait_s("a", 60) == 0


def test_others_do_not_wait() -> None:
    guesses = Guesses(1)
    guesses.wrong("a", 0)
    assert guesses.wait_s("b", 0) == 0


def test_who_is_right_is_no_guesser() -> None:
    guesses = Guesses(2)
    guesses.wrong("a", 0)
    guesses.right("a")
    guesses.right("never seen")
    assert not guesses.wrong("a", 1)


def test_a_mistake_now_and_then_is_forgotten() -> None:
    guesses = Guesses(2)
    assert not any(guesses.wrong("a", n * (FORGOTTEN_S + 1)) for n in range(100))


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 100)), max_size=60))
def test_it_stays_small_and_no_wait_is_longer_than_the_longest(steps: list[tuple[int, float]]) -> None:
    guesses, now = Guesses(2, most_keys=5), 0.0
    for key, pause in steps:
        now += pause
        guesses.wrong(str(key), now)
        assert len(guesses) <= 5
        assert 0 <= guesses.wait_s(str(key), now) <= LONGEST_WAIT_S

"""When a sighting is believed."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.policy import ConfirmationPolicy, Look

POLICY = ConfirmationPolicy()


def looks_of(*scores: float | None, step: float = 0.1, share: float = 0.01) -> list[Look]:
    return [Look(n * step, score, share if score is not None else 0.0) for n, score in enumerate(scores)]


def confirms(policy: ConfirmationPolicy, looks: list[Look]) -> bool:
    return policy.confirms(looks, looks[-1].at)


def test_three_hits_in_a_row() -> None:
    assert confirms(POLICY, looks_of(0.5, 0.5, 0.5))
    assert not confirms(POLICY, looks_of(0.5, 0.5))


def test_misses_between_are_forgiven_up_to_a_point() -> None:
    assert confirms(POLICY, looks_of(0.5, None, 0.5, None, 0.5))
    assert not confirms(POLICY, looks_of(0.5, None, None, 0.5, None, 0.5))


def test_no_looks_or_only_misses() -> None:
    assert not POLICY.confirms([], 0)
    assert not confirms(POLICY, looks_of(None, None, None))


def test_the_median_decides_and_not_the_best() -> None:
    assert not confirms(POLICY, looks_of(0.99, 0.3, 0.3))
    assert confirms(POLICY, looks_of(0.1, 0.4, 0.9))


def test_hits_must_span_time() -> None:
    assert not confirms(POLICY, looks_of(0.9, 0.9, 0.9, step=0.05))
    assert confirms(POLICY, looks_of(0.9, 0.9, 0.9, step=0.08))


def test_old_looks_do_not_count() -> None:
    assert not confirms(POLICY, looks_of(0.9, 0.9, 0.9, step=1.5))
    assert confirms(POLICY, looks_of(0.9, 0.9, 0.9, step=0.9))


def test_the_object_must_be_large_enough() -> None:
    policy = replace(POLICY, smallest_share=0.02)
    assert not confirms(policy, looks_of(0.9, 0.9, 0.9, share=0.01))
    assert confirms(policy, [*looks_of(0.9, 0.9, share=0.01), Look(0.2, 0.9, 0.03)])


@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=12), st.integers(2, 6), st.integers(0, 4))
def test_it_says_what_its_words_say(scores: list[float | None], hits: int, more: int) -> None:
    policy = ConfirmationPolicy(hits=hits, of=hits + more, median_score=0.5, window_s=100, span_s=0)
    last = [score for score in scores[-policy.of :] if score is not None]
    expected = len(last) >= hits and median(last) >= 0.5
    assert confirms(policy, looks_of(*scores)) == expected


@given(st.lists(st.none() | st.just(1.0), min_size=1, max_size=30))
def test_one_hit_alone_never_confirms(scores: list[float | None]) -> None:
    if sum(score is not None for score in scores) == 1:
        assert not confirms(ConfirmationPolicy(hits=2, of=30, span_s=0), looks_of(*scores))


@pytest.mark.parametrize(("hits", "of"), [(1, 5), (0, 5), (6, 5)])
def test_a_policy_that_makes_no_sense_is_refused(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match="2 hits or more"):
        ConfirmationPolicy(hits=hits, of=of)

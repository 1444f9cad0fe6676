"""When a sighting is believed."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.core.policy import ConfirmationPolicy, Look

POLICY = ConfirmationPolicy()
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
IN_LEFT, IN_RIGHT = (0.25, 0.5), (0.75, 0.5)


def looks_of(
    *scores: float | None, step: float = 0.1, share: float = 0.01, centre: tuple[float, float] = (0.5, 0.5)
) -> list[Look]:
    return [Look(n * step, score, share if score is not None else 0.0, centre) for n, score in enumerate(scores)]


@st.composite
def policies(draw: st.DrawFn) -> ConfirmationPolicy:
    """Any policy that makes sense, with limits that the looks below reach and miss."""
    hits = draw(st.integers(2, 4))
    window_s = draw(st.floats(0.2, 3))
    return ConfirmationPolicy(
        hits=hits,
        of=hits + draw(st.integers(0, 3)),
        median_score=draw(st.floats(0, 1)),
        window_s=window_s,
        span_s=draw(st.floats(0, 0.5)) * window_s,
        smallest_share=draw(st.floats(0, 0.05)),
        zones=draw(st.sampled_from([(), (LEFT,), (LEFT, RIGHT)])),
        dwell_s=draw(st.sampled_from([0.0, 0.5, 2.0])),
    )


@st.composite
def some_looks(draw: st.DrawFn) -> list[Look]:
    """Up to 40 looks at one track, at any rate, that see it somewhere or miss it."""
    looks: list[Look] = []
    at = 0.0
    for _ in range(draw(st.integers(0, 40))):
        at += draw(st.floats(0.02, 1))
        score = draw(st.none() | st.floats(0.1, 1))
        looks.append(Look(at, score, draw(st.floats(0, 0.1)), draw(st.sampled_from([IN_LEFT, IN_RIGHT]))))
    return looks


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


@pytest.mark.parametrize("rate", [4, 10, 25, 30, 31, 60, 120, 240])
def test_a_gun_in_sight_is_confirmed_at_any_rate(rate: int) -> None:
    """At 30 looks a second the last five span 0.13 s, less than is asked for."""
    looks = looks_of(*[0.9] * rate, step=1 / rate)
    confirmed = next(count for count in range(1, rate + 1) if confirms(POLICY, looks[:count]))
    assert confirmed == max(3, math.ceil(POLICY.span_s * rate - 1e-9) + 1)


@pytest.mark.parametrize("rate", [30, 60, 120])
def test_of_more_looks_the_same_share_must_be_hits(rate: int) -> None:
    for pattern, enough in (((0.9, 0.9, 0.9, None), True), ((0.9, None), False)):
        looks = looks_of(*(pattern * rate)[:rate], step=1 / rate)
        assert any(confirms(POLICY, looks[:count]) for count in range(1, rate + 1)) == enough


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


@pytest.mark.parametrize(
    ("hits", "of", "words"),
    [(1, 5, "2 hits or more"), (0, 5, "2 hits or more"), (6, 5, "6 hits cannot be among the last 5 looks")],
)
def test_a_policy_that_makes_no_sense_is_refused(hits: int, of: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ConfirmationPolicy(hits=hits, of=of)


def test_only_what_is_in_a_zone_counts() -> None:
    policy = replace(POLICY, zones=(LEFT,))
    assert confirms(policy, looks_of(0.9, 0.9, 0.9, centre=IN_LEFT))
    assert not confirms(policy, looks_of(0.9, 0.9, 0.9, centre=IN_RIGHT))
    assert confirms(replace(POLICY, zones=(LEFT, RIGHT)), looks_of(0.9, 0.9, 0.9, centre=IN_RIGHT))
    mixed = [*looks_of(0.9, 0.9, centre=IN_LEFT), Look(0.2, 0.9, 0.01, IN_RIGHT)]
    assert not confirms(policy, mixed)
    assert confirms(policy, [*mixed, Look(0.3, 0.9, 0.01, IN_LEFT)])


def test_a_dwell_waits_for_its_time() -> None:
    policy = replace(POLICY, dwell_s=1.0)
    looks = looks_of(*[0.9] * 12)
    assert [confirms(policy, looks[:count]) for count in (3, 10, 11)] == [False, False, True]


def test_a_dwell_bears_misses_but_no_pause() -> None:
    policy = replace(POLICY, dwell_s=3.0)
    every_third = [Look(n * 0.1, 0.9 if n % 3 == 0 else None) for n in range(40)]
    assert not confirms(replace(policy, hits=3, of=5), every_third), "it has not enough hits of its own"
    assert confirms(replace(policy, hits=2, of=5), every_third[:34])
    away = [*looks_of(*[0.9] * 20), *(replace(look, at=look.at + 4.1) for look in looks_of(*[0.9] * 20))]
    assert not confirms(policy, away), "between the two it was away for longer than the window"
    assert confirms(replace(policy, window_s=2.3), away)


def test_a_dwell_is_in_the_zones() -> None:
    """Somebody who walks through the rest of the picture for long has not been long in the zone."""
    policy = replace(POLICY, zones=(LEFT,), dwell_s=1.0)
    outside = looks_of(*[0.9] * 20, centre=IN_RIGHT)
    inside = [replace(look, at=look.at + 2, centre=IN_LEFT) for look in looks_of(*[0.9] * 11)]
    assert not confirms(policy, outside + inside[:10])
    assert confirms(policy, outside + inside)


@given(policies(), some_looks())
def test_it_says_what_its_words_say_with_all_of_them(policy: ConfirmationPolicy, looks: list[Look]) -> None:
    assume(looks)
    now = looks[-1].at
    counted = [
        look.score is not None and (not policy.zones or look.centre[0] <= 0.5 or RIGHT in policy.zones)
        for look in looks
    ]
    count = next(
        (n for n in range(policy.of, len(looks)) if looks[-1].at - looks[-n].at >= policy.span_s),
        max(policy.of, len(looks)),
    )
    recent = [look for look, counts in list(zip(looks, counted, strict=True))[-count:] if counts]
    recent = [look for look in recent if now - look.at <= policy.window_s]
    stay = [look.at for look, counts in zip(looks, counted, strict=True) if counts]
    while any(after - before > policy.window_s for before, after in pairwise(stay)):
        del stay[0]
    expected = (
        len(recent) >= policy.hits
        and len(recent) * policy.of >= policy.hits * count
        and median(look.score for look in recent if look.score is not None) >= policy.median_score
        and recent[-1].at - recent[0].at >= policy.span_s
        and max(look.share for look in recent) >= policy.smallest_share
        and stay[-1] - stay[0] >= policy.dwell_s
    )
    assert confirms(policy, looks) == expected


@given(policies(), some_looks())
def test_what_it_needs_no_more_decides_nothing(policy: ConfirmationPolicy, looks: list[Look]) -> None:
    """Forgetting as it goes along, it says the same as with all that ever was."""
    kept: list[Look] = []
    for count, look in enumerate(looks, 1):
        kept.append(look)
        del kept[: policy.needless(kept, look.at)]
        assert policy.confirms(kept, look.at) == policy.confirms(looks[:count], look.at)


def test_a_long_stay_is_not_remembered_for_ever() -> None:
    kept: list[Look] = []
    policy = replace(POLICY, dwell_s=10.0)
    for n in range(5000):
        kept.append(Look(n / 10, 0.3))
        del kept[: policy.needless(kept, n / 10)]
    assert len(kept) <= 10 * (10 + 2 * 2) + 2


@given(policies(), policies())
def test_a_version_tells_policies_apart(one: ConfirmationPolicy, other: ConfirmationPolicy) -> None:
    assert (one.version == other.version) == (one == other)
    values = json.loads(json.dumps(one.as_dict()))
    again = ConfirmationPolicy(**dict(reversed(values.items())))
    assert (again, again.version) == (one, one.version)


def test_a_version_is_the_same_whatever_the_type_of_a_number() -> None:
    """Also from run to run and from machine to machine: what was confirmed under it is kept for long."""
    assert POLICY.version == "p2-5e49beb050"
    same = ConfirmationPolicy(3.0, np.int64(5), np.float64(0.4), 2, 0.15, -0.0, [], 0)  # type: ignore[arg-type]
    assert (same, same.version) == (POLICY, POLICY.version)
    listed: Any = [[list(point) for point in LEFT]]
    assert replace(POLICY, zones=listed).version == replace(POLICY, zones=(LEFT,)).version != POLICY.version


def test_every_part_of_a_policy_is_in_its_version() -> None:
    changes: dict[str, Any] = {"hits": 4, "of": 6, "median_score": 0.5, "window_s": 3, "span_s": 0.2}
    changes |= {"smallest_share": 0.1, "zones": (LEFT,), "dwell_s": 1}
    assert set(changes) == {field.name for field in fields(ConfirmationPolicy) if field.init}
    versions = {replace(POLICY, **{name: value}).version for name, value in changes.items()}
    assert len(versions | {POLICY.version}) == len(changes) + 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"median_score": 1.1}, "median_score cannot be 1.1"),
        ({"smallest_share": -0.1}, "smallest_share cannot be -0.1"),
        ({"window_s": float("nan")}, "window_s cannot be nan"),
        ({"dwell_s": float("inf")}, "dwell_s cannot be inf"),
        ({"hits": 2.5}, "hits is a whole number"),
        ({"span_s": 3}, "never pass within 2 s"),
        ({"zones": (((0, 0), (1, 1)),)}, "at least 3 points"),
    ],
)
def test_what_could_never_confirm_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(POLICY, **changes)

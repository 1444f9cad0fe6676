"""Whose turn it is: the rule, and what it comes to when feeds want more than there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.schedule import IDLE_RATE, LATE_S, MOST_CREDIT, Turn, next_ready, next_turn


def shares(rates: dict[str, float], look_s: float, workers: int, seconds: float = 30.0) -> Counter[str]:
    """Looks by feed when each always has a new frame and a look takes ``look_s``."""
    last = dict.fromkeys(rates, float("-inf"))
    paid = dict.fromkeys(rates, 0.0)
    busy: dict[str, float] = {}
    looks: Counter[str] = Counter()
    now = clock = 0.0
    while now < seconds:
        busy = {feed: until for feed, until in busy.items() if until > now + 1e-9}
        waiting = [Turn(feed, rate, last[feed], paid[feed]) for feed, rate in rates.items() if feed not in busy]
        turn = next_turn(waiting, now, clock) if len(busy) < workers else None
        if turn:
            booked = turn.booked(clock, now)
            clock = max(clock, booked)
            last[turn.feed], paid[turn.feed], busy[turn.feed] = now, booked + turn.price(), now + look_s
            looks[turn.feed] += 1
            now += 1e-5  # no two looks begin at the very same instant
            continue
        due = next_ready(waiting) if len(busy) < workers else None
        now = min([*busy.values(), *([max(due, now + 1e-6)] if due is not None else [])])
    return looks


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([5.0, 10.0, 15.0, 30.0]), min_size=2, max_size=9), st.sampled_from([1, 2, 4]))
def test_overload_gives_each_the_same_share_of_what_it_wants(rates: list[float], workers: int) -> None:
    wanted = {f"feed-{n}": rate for n, rate in enumerate(rates)}
    look_s = workers / sum(rates) * 4  # four times more wanted than there is
    if workers * max(rates) * 1.25 > sum(rates):
        return  # then one look in flight, and not the rule, is what limits a feed
    looks = shares(wanted, look_s, workers)
    assert sum(looks.values()) == pytest.approx(30 * workers / look_s, rel=0.02)
    for feed, rate in wanted.items():
        assert looks[feed] == pytest.approx(0.25 * rate * 30, rel=0.1, abs=2)


def test_a_suspicious_feed_is_looked_at_more_often_though_all_workers_run_in_step() -> None:
    looks = shares({**{f"calm-{n}": 10.0 for n in range(7)}, "suspicious": 15.0}, look_s=4 / 85 * 4, workers=4)
    assert looks["suspicious"] / looks["calm-0"] == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_equal_feeds_differ_by_one_look_at_most(workers: int) -> None:
    looks = shares({f"feed-{n}": 10.0 for n in range(9)}, look_s=workers / 90 * 4, workers=workers)
    assert max(looks.values()) - min(looks.values()) <= 1


def test_where_there_is_room_each_gets_what_it_wants() -> None:
    looks = shares({"a": 10, "b": 15, "c": 5}, look_s=0.02, workers=1)
    assert looks["a"] == pytest.approx(300, rel=0.05)
    assert looks["b"] == pytest.approx(450, rel=0.05)
    assert looks["c"] == pytest.approx(150, rel=0.05)


def test_a_feed_that_was_silent_takes_a_few_missed_looks_back_and_no_more() -> None:
    silent, busy = Turn("silent", 10, -60.0, paid=1.0), Turn("busy", 10, -0.2, paid=60.05)
    clock, looks = 60.0, []
    for n in range(1, 13):
        turn = next_turn([silent, busy], n * 0.2, clock)
        assert turn
        looks.append(turn.feed)
        start = turn.start(clock)
        clock = max(clock, start)
        after = replace(turn, last_look=n * 0.2, paid=start + turn.price())
        silent, busy = (after, busy) if turn is silent else (silent, after)
    assert looks == ["silent"] * (MOST_CREDIT + 1) + ["busy", "silent"] * 3 + ["busy"]


def test_nobody_is_looked_at_before_it_is_due() -> None:
    assert next_turn([Turn("a", 10, 0.0)], 0.09) is None
    assert next_turn([Turn("a", 10, 0.0)], 0.11) == Turn("a", 10, 0.0)
    assert next_turn([], 1.0) is None


def test_a_new_feed_goes_first() -> None:
    assert next_turn([Turn("old", 10, 0.0), Turn("new", 10, float("-inf"))], 5.0) == Turn("new", 10, float("-inf"))


def test_who_has_paid_least_goes_first() -> None:
    poor, rich = Turn("poor", 10, 0.5, paid=1.0), Turn("rich", 10, 0.0, paid=1.2)
    assert next_turn([rich, poor], 1.0) == poor
    # Behind the clock they are equal, and the one looked at longest ago goes first.
    assert next_turn([poor, rich], 1.0, clock=5.0) == rich
    assert (poor.start(5.0), rich.start(0.0), poor.price()) == (5 - MOST_CREDIT * 0.1, 1.2, 0.1)


def test_next_ready() -> None:
    assert next_ready([]) is None
    assert next_ready([Turn("a", 10, 1.0), Turn("b", 2, 0.7)]) == pytest.approx(1.1)


def rhythm_of(frames_per_second: float, rate: float, jitter: float, seconds: float = 20.0) -> tuple[float, list[float]]:
    """One feed alone, looks that take no time: looks a second, and the ages of the frames when they were looked at."""
    gap = 1 / frames_per_second
    arrivals = [n * gap + jitter * gap * ((n * 7919) % 11) / 11 for n in range(round(seconds * frames_per_second))]
    last = float("-inf")
    ages = []
    for arrived, following in zip(arrivals, [*arrivals[1:], seconds], strict=True):
        turn = Turn("a", rate, last, arrived=arrived)
        begins = max(turn.ready_at, arrived)
        if begins < following:  # else a newer frame takes the slot
            last = turn.rhythm(begins)
            ages.append(begins - arrived)
    return len(ages) / seconds, ages


@pytest.mark.parametrize("frames_per_second", [20, 24, 25, 29.97, 30, 50, 60])
@pytest.mark.parametrize("jitter", [0, 0.5])
def test_a_look_begins_when_its_frame_comes_and_the_rate_holds(frames_per_second: float, jitter: float) -> None:
    looks_per_second, ages = rhythm_of(frames_per_second, 10, jitter)
    assert looks_per_second == pytest.approx(10, rel=0.02)
    assert sorted(ages)[len(ages) * 95 // 100] < 0.01
    assert sorted(ages)[len(ages) // 2] == 0


@pytest.mark.parametrize("frames_per_second", [2, 5, 9.9])
def test_a_slow_feed_has_every_frame_looked_at_at_once(frames_per_second: float) -> None:
    looks_per_second, ages = rhythm_of(frames_per_second, 10, 0.3)
    assert looks_per_second == pytest.approx(frames_per_second, rel=0.05)
    assert max(ages) == 0


def test_after_a_long_wait_the_rhythm_begins_anew() -> None:
    turn = Turn("a", 10, last_look=5.0)
    assert turn.rhythm(5.12) == pytest.approx(5.1)
    assert turn.rhythm(5.06) == pytest.approx(5.1)
    assert turn.rhythm(7.0) == 7.0


def test_of_equals_the_one_with_the_freshest_frame_goes_first() -> None:
    stale, fresh = Turn("stale", 10, 4.0, paid=3.0, arrived=4.8), Turn("fresh", 10, 4.5, paid=3.0, arrived=4.9)
    ahead = Turn("ahead", 10, 4.0, paid=3.1, arrived=5.0)
    assert next_turn([stale, fresh, ahead], 5.0) == fresh


def longest_gaps(
    feeds: dict[str, tuple[float, float]], look_s: float, workers: int, seconds: float = 60.0
) -> tuple[dict[str, float], Counter[str]]:
    """Longest time from look to look, and looks, by feed: each with its frames a second and its rate. Frames of
    different feeds come at different times."""
    frames = sorted(
        ((n + 0.37 * place) / fps, name)
        for place, (name, (fps, _)) in enumerate(feeds.items())
        for n in range(int(seconds * fps))
    )
    slot: dict[str, float] = {}
    last = dict.fromkeys(feeds, float("-inf"))
    booked = dict.fromkeys(feeds, 0.0)
    looked = dict.fromkeys(feeds, 1.0)
    gaps = dict.fromkeys(feeds, 0.0)
    looks: Counter[str] = Counter()
    busy: dict[str, float] = {}
    clock = 0.0
    for step in range(int(seconds * 200)):
        now = step / 200
        while frames and frames[0][0] <= now:
            arrived, name = frames.pop(0)
            slot[name] = arrived
        busy = {name: until for name, until in busy.items() if until > now}
        while len(busy) < workers:
            waiting = [
                Turn(name, feeds[name][1], last[name], booked[name] + 1 / feeds[name][1], arrived)
                for name, arrived in slot.items()
                if name not in busy
            ]
            turn = next_turn(waiting, now, clock)
            if not turn:
                break
            start = turn.booked(clock, now)
            clock = max(clock, start)
            last[turn.feed], booked[turn.feed], busy[turn.feed] = turn.rhythm(now), start, now + look_s
            gaps[turn.feed] = max(gaps[turn.feed], now - looked[turn.feed])
            looked[turn.feed] = now
            looks[turn.feed] += 1
            del slot[turn.feed]
    return gaps, looks


@pytest.mark.parametrize("fps", [1, 1.3, 2, 15, 25])
def test_where_nothing_moves_there_is_a_look_every_two_seconds_and_hardly_more(fps: float) -> None:
    gaps, looks = longest_gaps({"still": (fps, IDLE_RATE)}, look_s=0.06, workers=1)
    assert gaps["still"] <= 2.0
    assert looks["still"] / 60 == pytest.approx(IDLE_RATE, rel=0.1 if fps > 2 else 0.5)


@pytest.mark.parametrize("suspicious", [0, 2])
def test_under_overload_too_every_feed_is_looked_at_in_two_seconds(suspicious: int) -> None:
    """30 looks a second for 16 feeds that want 10 each, 8 where nothing moves, and some that are suspicious."""
    feeds = {
        **{f"moving-{n}": (15.0, 10.0) for n in range(16)},
        **{f"still-{n}": (15.0, IDLE_RATE) for n in range(8)},
        **{f"suspicious-{n}": (15.0, 30.0) for n in range(suspicious)},
    }
    gaps, looks = longest_gaps(feeds, look_s=2 / 30, workers=2, seconds=40)
    assert max(gaps.values()) <= 2.0
    moving = [looks[f"moving-{n}"] for n in range(16)]
    assert min(moving) >= 0.8 * max(moving)
    assert min(moving) / 40 > 1
    for n in range(suspicious):
        assert looks[f"suspicious-{n}"] / max(moving) > 2


def test_with_more_feeds_than_looks_all_wait_equally_long() -> None:
    """100 feeds, 20 looks a second: one look in five seconds for each, whatever it wants."""
    feeds = {f"feed-{n}": (10.0, (IDLE_RATE, 10.0, 30.0)[n % 3]) for n in range(100)}
    gaps, looks = longest_gaps(feeds, look_s=0.05, workers=1, seconds=40)
    assert max(looks.values()) - min(looks.values()) <= 1
    assert max(gaps.values()) <= 5.5


def test_a_feed_that_waited_long_is_not_in_debt_for_it() -> None:
    """Looked at because it was late, it must not pay for that when it wakes: nor must the others gain or lose."""
    late = Turn("late", IDLE_RATE, 10.0, paid=40.0)
    assert late.late(10 + LATE_S)
    assert late.booked(clock=20.0, now=10 + LATE_S) == 20.0
    assert late.booked(clock=20.0, now=11.0) == 40.0

"""Recordings of detections, and what policies make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.analyzer import Analyzer
from server.core.detections import Detections
from server.core.events import Event, State
from server.core.policy import ConfirmationPolicy
from server.core.replay import (
    RecordedLook,
    Recording,
    RecordingError,
    Replay,
    compare,
    header_line,
    lines_of,
    look_line,
    look_of,
    read_looks,
    read_recording,
    replay,
)

from .builders import box_around, detections_of, frame_at, random_picture

POLICY = ConfirmationPolicy()
PICTURE = random_picture(640, 480)
UNIX = 1_700_000_000.0
HEADER = '{"labels":["gun"],"width":640,"height":480}'

Seen = list[tuple[float, list[tuple[int, int, float]]]]
"""When it was looked, and the centres and scores of what was seen."""


@st.composite
def seen_over_time(draw: st.DrawFn) -> Seen:
    """Some objects that come and go and move a little, at any rate of looks. No time between two looks is one that the
    tracker or a policy goes by to the microsecond, for to that times are rounded."""
    at, seen = 0.0, []
    places = draw(st.lists(st.tuples(st.integers(60, 580), st.integers(60, 420)), min_size=1, max_size=3))
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.integers(4, 90)) * 0.0137
        shown = draw(st.lists(st.sampled_from(places), max_size=3, unique=True))
        seen.append((at, [(x + draw(st.integers(-8, 8)), y, draw(st.floats(0.05, 1))) for x, y in shown]))
    return seen


def detected(objects: list[tuple[int, int, float]]) -> Detections:
    best = sorted(objects, key=lambda one: -one[2])
    return detections_of(*(box_around(x, y) for x, y, _ in best), scores=[score for *_, score in best])


def live(seen: Seen, policy: ConfirmationPolicy = POLICY) -> tuple[list[Event], Recording]:
    """What a live feed makes of it, each event in its last revision, and what it would record meanwhile."""
    numbers = iter(range(1, 1_000_000))
    feed = Analyzer("door", ("gun",), lambda _: f"door-{next(numbers)}", policy, model="yolo")
    events: dict[str, Event] = {}
    looks = []
    began = seen[0][0]
    for at, objects in seen:
        told = feed.observe(frame_at(at, picture=PICTURE, unix=UNIX), detected(objects), at)
        looks.append(look_of(told, began))
        events |= {event.id: event for event in told.events}
    events |= {event.id: event for event in feed.close(UNIX + seen[-1][0])}
    return list(events.values()), Recording("door", ("gun",), 640, 480, tuple(looks), "yolo", UNIX + began)


def same(one: Event, other: Event) -> bool:
    """Whether two events are the same but for what rounding does to their places and times."""
    numbers = [
        [e.first_seen, e.last_seen, e.confirmed_at or 0.0, e.ended_at or 0.0, *e.box, *(p.at for p in e.path)]
        for e in (one, other)
    ]
    flat: dict[str, Any] = dict.fromkeys(("first_seen", "last_seen", "confirmed_at", "ended_at", "path", "box"))
    return (
        replace(one, **flat) == replace(other, **flat)
        and len(one.path) == len(other.path)
        and (one.confirmed_at is None) == (other.confirmed_at is None)
        and np.allclose(numbers[0], numbers[1], atol=0.01, rtol=0)
    )


@settings(deadline=None, max_examples=60)
@given(seen_over_time(), st.sampled_from([POLICY, ConfirmationPolicy(hits=2, of=3, median_score=0.6, dwell_s=0.5)]))
def test_a_replay_makes_the_events_that_the_live_feed_made(seen: Seen, policy: ConfirmationPolicy) -> None:
    """The recording having been written down and read again."""
    made, recording = live(seen, policy)
    again = replay(read_recording("".join(lines_of(recording)).splitlines()), policy)
    assert len(again) == len(made)
    assert all(same(one, other) for one, other in zip(again, made, strict=True))


@settings(deadline=None, max_examples=30)
@given(seen_over_time())
def test_a_replay_is_the_same_each_time(seen: Seen) -> None:
    _, recording = live(seen)
    assert replay(recording, POLICY) == replay(recording, POLICY)


@given(seen_over_time())
@settings(deadline=None, max_examples=40)
def test_lines_read_back_as_what_was_written(seen: Seen) -> None:
    _, recording = live(seen)
    lines = "".join(lines_of(recording))
    again = read_recording(lines.splitlines())
    assert "".join(lines_of(again)).splitlines()[0] == lines.splitlines()[0]
    for one, other in zip(again.looks, recording.looks, strict=True):
        assert one.at == pytest.approx(other.at, abs=1e-6)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.classes, other.classes)
        np.testing.assert_allclose(one.boxes, np.clip(other.boxes, 0, 1), atol=1e-6)


def test_the_form() -> None:
    """As the documentation has it: other programs write and read it."""
    columns = np.array([[0.41, 0.32, 0.5, 0.38]]), np.array([0.83], np.float32), np.array([0], np.int32)
    look = RecordedLook(0.1, *columns, np.array([7]))
    assert header_line("door", ("gun",), 1280, 720, "yolo", 5) == (
        '{"format":"vigie-detections-1","feed":"door","model":"yolo","labels":["gun"],"width":1280,"height":720,"began":5}'
    )
    expected = {
        "at": 0.1,
        "detections": [{"box": [0.41, 0.32, 0.5, 0.38], "score": 0.83, "label": "gun", "track_id": 7}],
    }
    assert json.loads(look_line(look, ("gun",))) == expected
    assert look_line(look_of_nothing(0.2), ("gun",)) == '{"at":0.2,"detections":[]}'
    assert "track_id" not in look_line(RecordedLook(0.1, *columns), ("gun",))


def look_of_nothing(at: float) -> RecordedLook:
    return RecordedLook(at, np.empty((0, 4)), np.empty(0, np.float32), np.empty(0, np.int32))


def test_a_header_needs_little() -> None:
    recording = read_recording(["", HEADER, " ", '{"at":1,"detections":[]}'])
    assert (recording.feed, recording.model, recording.began, len(recording.looks)) == ("", "", 0, 1)
    assert [event.id for event in replay(read_recording([HEADER, *gun_lines(3)]), POLICY)] == ["replay-1"]


def gun_lines(count: int, score: float = 0.8, since: float = 0.0) -> list[str]:
    detection = {"box": [0.4, 0.4, 0.5, 0.5], "score": score, "label": "gun"}
    return [json.dumps({"at": since + n / 10, "detections": [detection]}) for n in range(count)]


def test_looks_alone_can_be_read() -> None:
    assert len(read_looks(gun_lines(3), ("gun",))) == 3
    with pytest.raises(RecordingError, match=r"line 2: .*'gun'"):
        read_looks(["", *gun_lines(1)], ("knife",))


def detection(**changes: Any) -> str:
    fields = {"box": [0.1, 0.1, 0.2, 0.2], "score": 0.5, "label": "gun", **changes}
    return json.dumps({"at": 1, "detections": [fields]})


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "line 1: .* empty"),
        (["{"], "line 1: it is not JSON"),
        (["[]"], "line 1: it is not a JSON object"),
        (["{}"], "line 1: a header says labels and width and height"),
        (["[" * 100_000], "line 1: it is not JSON"),
        (['{"format":"other","labels":["gun"],"width":1,"height":1}'], "line 1: its format"),
        (['{"labels":[],"width":1,"height":1}'], "line 1: labels must be"),
        (['{"labels":["gun","gun"],"width":1,"height":1}'], "line 1: labels must be"),
        (['{"labels":[7],"width":1,"height":1}'], "line 1: a label must be a text"),
        (['{"labels":["gun"],"width":0,"height":1}'], "line 1: width must be a number from 1"),
        (['{"labels":["gun"],"width":1,"height":true}'], "line 1: height must be a number"),
        (['{"labels":["gun"],"width":1,"height":1,"began":-1}'], "line 1: began must be"),
        (['{"labels":["gun"],"width":1,"height":1,"feed":"' + "x" * 300 + '"}'], "line 1: feed must be"),
        ([HEADER, "", "nonsense"], "line 3: it is not JSON"),
        ([HEADER, '{"detections":[]}'], "line 2: at must be a number"),
        ([HEADER, '{"at":NaN,"detections":[]}'], "line 2: at must be a number"),
        ([HEADER, '{"at":' + "9" * 400 + ',"detections":[]}'], "line 2: at must be a number"),
        ([HEADER, '{"at":1}'], "line 2: detections must be a list"),
        ([HEADER, json.dumps({"at": 1, "detections": [0] * 301})], "line 2: detections must be a list of at most 300"),
        ([HEADER, '{"at":1,"detections":[]}', '{"at":1,"detections":[]}'], "line 3: at is not after"),
        ([HEADER, '{"at":1,"detections":[7]}'], "line 2: a detection must be an object"),
        ([HEADER, detection(box=[0, 0, 1])], "line 2: a box must be a list of 4"),
        ([HEADER, detection(box=[0, 0, 1, 7])], "line 2: a box must be a number from 0 to 1"),
        ([HEADER, detection(box=[0.5, 0, 0.1, 1])], "line 2: .* upper left corner first"),
        ([HEADER, detection(score=2)], "line 2: a score must be a number from 0 to 1"),
        ([HEADER, detection(score="0.5")], "line 2: a score must be a number"),
        ([HEADER, detection(label="knife")], "line 2: the label 'knife' is not in the header"),
    ],
)
def test_a_mistake_is_named_with_its_line(lines: list[str], words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        read_recording(lines)


@given(st.lists(st.text() | st.sampled_from([HEADER, *gun_lines(2)]), max_size=5))
def test_no_text_breaks_the_reader(lines: list[str]) -> None:
    try:
        recording = read_recording(lines)
    except RecordingError:
        return
    replay(recording, POLICY)


def test_two_policies_see_the_same_looks() -> None:
    strict = ConfirmationPolicy(hits=5, of=5)
    recording = read_recording([HEADER, *gun_lines(4), '{"at":9,"detections":[]}', *gun_lines(8, 0.45, since=20)])
    run = Replay("door", ("gun",), (strict, POLICY))
    assert len(list(run.play(recording))) == 13
    run.close()
    compared = compare(run.events(0), run.events(1))
    assert [(one.event.confirmed_at is not None, one.before) for one in compared] == [
        (False, State.CONFIRMED),
        (True, State.CONFIRMED),
    ]
    assert run.events(0) == [
        replace(event, feed="door", id=f"door-{n}") for n, event in enumerate(replay(recording, strict), 1)
    ]
    assert {event.policy for event in run.events(0)} == {strict.version}


def test_of_what_the_other_policy_never_told_there_is_nothing_before() -> None:
    (event,) = replay(read_recording([HEADER, *gun_lines(3)]), POLICY)
    assert [one.before for one in compare([event], [])] == [None]


def test_an_event_goes_on_from_one_recording_to_the_next() -> None:
    first, second, far, earlier = (
        read_recording([header_line("door", ("gun",), 640, 480, began=began), *gun_lines(count)])
        for began, count in ((UNIX, 10), (UNIX + 1, 10), (UNIX + 600, 10), (UNIX - 3600, 10))
    )
    run = Replay("door", ("gun",), (POLICY,))
    for recording in (first, second, far, earlier):
        for _ in run.play(recording):
            pass
    run.close()
    events = run.events(0)
    assert [event.hits for event in events] == [20, 10, 10]
    assert [event.first_seen for event in events] == pytest.approx([UNIX, UNIX + 600, UNIX - 3600])
    assert events[0].ended_at == pytest.approx(UNIX + 1.9 + 2, abs=0.01), "as a live feed would have ended it"
    assert all(event.state is State.ENDED for event in events)

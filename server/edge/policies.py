"""The routes of confirmation policies: those in force, and what another would make of what was seen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from ..aside import aside
from ..cameras import CameraRefused, Cameras
from ..config import PolicyChanges
from ..core.policy import ConfirmationPolicy
from ..core.replay import Compared, Recording, RecordingError, Replay, compare, reached, read_recording
from ..core.tracking import TrackerSettings
from ..recordings import recording_of
from ..store.episodes import Episode, Episodes
from ..wire import event_body, iso
from .bodies import Json, read_json, shaped
from .problems import Problem
from .queries import unix_of

log = logging.getLogger(__name__)

MOST_BYTES = 5 * 1024 * 1024
MOST_LOOKS = 200_000
MOST_SECONDS = 20.0
MOST_EVENTS = 500
MOST_REPLAYS = 1
"""At a time: a replay is Python through and through, and takes a core from what is live."""

LET_GO_EVERY = 8
"""Looks, about a millisecond: for so long the event loop waits for the interpreter at the most."""


WRONG = {
    field: Problem("invalid-replay", 422, detail)
    for field, detail in {
        "policy": 'The policy is an object of what differs from the one in force, such as {"hits": 4}.',
        "camera": "The camera is given by its name.",
        "since": "The field since is a time such as 2026-11-23T10:00:00Z.",
        "until": "The field until is a time such as 2026-11-23T10:00:00Z.",
        "recording": "The recording is a text of JSON lines.",
    }.items()
}

Pair = tuple[ConfirmationPolicy, ConfirmationPolicy]
"""The policy that is tried, and the one in force."""


def _unix(value: object) -> object:
    unix = unix_of(value) if isinstance(value, str) else None
    if value is not None and unix is None:
        raise PydanticCustomError("moment", "This is no time.")
    return unix


At = Annotated[
    float | None,
    BeforeValidator(_unix),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
"""A time as RFC 3339 has it -> unix seconds."""


class Asked(BaseModel):
    """What is to be replayed: what is kept of a camera or of all, or a recording that is sent."""

    model_config = ConfigDict(extra="forbid", title="Replay")

    policy: PolicyChanges = Field(description="What differs from the policy in force.")
    camera: str | None = Field(None, min_length=1, max_length=63, description="A camera's name; null: all of them.")
    since: At = Field(None, description="From then on, of what is kept.")
    until: At = Field(None, description="Up to then.")
    recording: str | None = Field(None, description="JSON lines, as in `detections.jsonl` of an event's evidence.")

    @model_validator(mode="after")
    def _go_together(self) -> Asked:
        if self.recording is not None and (self.since is not None or self.until is not None):
            raise ValueError("The fields since and until are for what is stored, not for a recording that is sent.")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError("The time until is before since.")
        return self


class PolicyRoutes:
    """The handlers. ``usual`` is the policy of cameras that have none of their own."""

    def __init__(
        self, cameras: Cameras, usual: ConfirmationPolicy, tracker: TrackerSettings, episodes: Episodes
    ) -> None:
        self._cameras = cameras
        self.usual = usual
        self._tracker = tracker
        self._episodes = episodes
        self._replays = 0

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [web.get("/api/v1/policies", self.list), web.post("/api/v1/policies/replay", self.replay)]

    async def list(self, request: web.Request) -> web.Response:
        """``GET /api/v1/policies``: the usual one, and that of each camera."""
        names = [camera.settings.name for camera in self._cameras.all()]
        return web.json_response(
            {
                "default": policy_body(self.usual),
                "cameras": {name: policy_body(self._over(self.usual, name)) for name in names},
            }
        )

    async def replay(self, request: web.Request) -> web.Response:
        """``POST /api/v1/policies/replay``: the events that a policy would have made, and those that the one in force
        makes of the same looks."""
        asked = _asked(await read_json(request, "A replay", MOST_BYTES))
        tried, against = self._pair(asked, asked.camera)
        if self._replays >= MOST_REPLAYS:
            raise Problem("too-busy", 503, "Another policy is being tried. Try again in a few seconds.")
        self._replays += 1
        try:
            trial = Trial(lambda feed: self._pair(asked, feed), self._tracker, time.monotonic() + MOST_SECONDS)
            if asked.recording is None:
                await self._play_stored(trial, asked)
            else:
                await aside(partial(_play_text, trial, asked.recording), "replay")
            body = await aside(trial.body, "replay")
        except RecordingError as error:
            raise Problem("invalid-recording", 422, f"The recording cannot be read: {error}.") from error
        finally:
            self._replays -= 1
        return web.json_response({"policy": policy_body(tried), "against": policy_body(against), **body})

    async def _play_stored(self, trial: Trial, asked: Asked) -> None:
        cameras = [asked.camera] if asked.camera else []
        async with aclosing(self._episodes.select(cameras, asked.since, asked.until)) as episodes:
            async for episode in episodes:
                if trial.truncated:
                    break
                await aside(partial(_play_episode, trial, episode), "replay")
        if asked.camera and not trial.episodes:
            try:
                self._cameras.camera(asked.camera)
            except CameraRefused as error:
                raise Problem(error.slug, 404, str(error)) from error

    def _pair(self, asked: Asked, feed: str | None) -> Pair:
        """The policies for a feed. Where a camera is named the changes are to its own policy, else to the usual one, of
        which a camera may keep no more than what it has not of its own."""
        try:
            if asked.camera or asked.recording is not None:
                against = self._over(self.usual, asked.camera)
                return asked.policy.over(against), against
            return self._over(asked.policy.over(self.usual), feed), self._over(self.usual, feed)
        except ValueError as error:
            raise _wrong_policy([{"field": "policy", "detail": f"{error}."}]) from error

    def _over(self, usual: ConfirmationPolicy, name: str | None) -> ConfirmationPolicy:
        """The policy of the camera of this name over a usual one; of what is no camera, the usual one."""
        feed = self._cameras.get(name) if name else None
        return self._cameras.camera(feed.name).settings.policy_in_force(usual) if feed else usual


class Trial:
    """Recordings played under two policies each, until a limit. It is called from a thread at a time."""

    def __init__(self, pair_of: Callable[[str], Pair], tracker: TrackerSettings, until: float) -> None:
        self.episodes = 0
        self.truncated = False
        """Whether it stopped at a limit."""
        self._looks = 0
        self._through: float | None = None
        self._pair_of = pair_of
        self._tracker = tracker
        self._until = until
        self._replays: dict[tuple[str, ...], Replay] = {}

    def play(self, recording: Recording) -> None:
        """Go on with a recording."""
        key = (recording.feed, recording.model, *recording.labels)
        if key not in self._replays:
            self._replays[key] = Replay(
                recording.feed, recording.labels, self._pair_of(recording.feed), self._tracker, model=recording.model
            )
        self.episodes += 1
        for look in self._replays[key].play(recording):
            self._looks += 1
            self._through = recording.began + look.at
            if self._looks % LET_GO_EVERY == 0:
                time.sleep(0)
                if self._looks >= MOST_LOOKS or time.monotonic() > self._until:
                    self.truncated = True
                    return

    def body(self) -> Json:
        """What came of it. ``through`` is the time of the newest look, to go on from when there was more."""
        compared: list[Compared] = []
        before = 0
        for replay in self._replays.values():
            replay.close()
            compared += compare(replay.events(0), replay.events(1))
            before += sum(event.confirmed_at is not None for event in replay.events(1))
        shown = _most_telling(compared)
        return {
            "looks": self._looks,
            "episodes": self.episodes,
            "truncated": self.truncated or len(shown) < len(compared),
            "through": iso(self._through),
            "events": [{**event_body(one.event), "now": reached(one.event), "before": one.before} for one in shown],
            "confirmed": {"now": sum(one.event.confirmed_at is not None for one in compared), "before": before},
        }


def policy_body(policy: ConfirmationPolicy) -> Json:
    """A policy with its version."""
    return {**policy.as_dict(), "version": policy.version}


def _most_telling(compared: list[Compared]) -> list[Compared]:
    """As many as are shown, in the order they began: rather those that either policy confirmed."""
    compared = sorted(compared, key=lambda one: one.event.first_seen)
    confirmed = [one for one in compared if "confirmed" in (reached(one.event), one.before)][:MOST_EVENTS]
    chosen = {id(one) for one in confirmed}
    others = [one for one in compared if id(one) not in chosen][: MOST_EVENTS - len(confirmed)]
    chosen |= {id(one) for one in others}
    return [one for one in compared if id(one) in chosen]


def _play_text(trial: Trial, recording: str) -> None:
    trial.play(read_recording(recording.splitlines()))


def _play_episode(trial: Trial, episode: Episode) -> None:
    try:
        trial.play(recording_of(episode))
    except RecordingError as error:  # one that is broken must not stand in the way of all
        log.warning("the episode %s is passed over: %s", episode.id, error)


def _asked(body: Json) -> Asked:
    try:
        if isinstance(body.get("policy"), dict):
            PolicyChanges.model_validate(body["policy"])
    except ValidationError as error:
        raise _wrong_policy(
            [
                {
                    "field": ".".join(("policy", *(str(part) for part in mistake["loc"]))),
                    "detail": "There is no such field."
                    if mistake["type"] == "extra_forbidden"
                    else f"{mistake['msg'].removeprefix('Value error, ')}.",
                }
                for mistake in error.errors()[:20]
            ]
        ) from error
    return shaped(Asked, body, WRONG)


def _wrong_policy(errors: list[dict[str, str]]) -> Problem:
    named = "; ".join(f"{error['field']}: {error['detail'].rstrip('.')}" for error in errors)
    return Problem("invalid-policy", 422, f"The policy cannot be: {named[:500]}.", errors=errors)

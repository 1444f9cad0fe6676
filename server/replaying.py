"""The command ``python -m server replay``: what a confirmation policy makes of recordings and videos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from .catalogue import Catalogue
from .config import CameraSettings, ConfigError, PolicyChanges, Settings, load_settings, settings_file
from .core.detections import Detections
from .core.frame import Picture
from .core.policy import ConfirmationPolicy
from .core.regions import Masks, in_zones
from .core.replay import (
    Compared,
    RecordedLook,
    Recording,
    RecordingError,
    Replay,
    compare,
    lines_of,
    reached,
    read_recording,
)
from .core.tracking import TrackerSettings
from .core.yolo import decode, input_of_image, input_of_picture
from .playing import reason_of
from .plugins import Backend, load
from .video import picture_of
from .wire import event_body

MOST_BYTES = 256 * 1024 * 1024

Columns = tuple[str, ...]


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m server replay",
        description="Show the events that a confirmation policy makes of recorded detections or of a video, next to "
        "those of the policy in force.",
    )
    options.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a recording (JSON lines), or a video, which is looked at"
    )
    options.add_argument(
        "--policy",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="what differs from the policy in force, such as hits=4 dwell_s=2",
    )
    options.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    options.add_argument("--camera", metavar="NAME", help="as of this camera: its policy, zones, masks and rate")
    options.add_argument(
        "--save", type=Path, metavar="FILE", help="keep what the model saw in one video as a recording"
    )
    options.add_argument("--json", action="store_true", help="print JSON")
    return options


@dataclass(frozen=True, slots=True)
class Played:
    """A file, and what the two policies made of it."""

    file: Path
    recording: Recording
    events: list[Compared]
    confirmed: tuple[int, int]
    """Under the policy tried, and under the one in force."""


def run(arguments: Sequence[str]) -> None:
    """Run the command; prints to the standard output. Raises ConfigError, RecordingError, PluginError or ModelError."""
    given = parser().parse_args(arguments)
    settings = load_settings(settings_file(given.config))
    if given.save and len(given.files) > 1:
        raise ConfigError("With --save there can be one FILE only.")
    camera = _camera(settings, given.camera)
    against = camera.policy_in_force(settings.policy.policy()) if camera else settings.policy.policy()
    tried = changes_of(given.policy, against)
    eye = Eye(settings, camera)
    played: list[Played] = []
    for file in given.files:
        recording = eye.recording_of(file)
        if given.save:
            _save(recording, given.save)
        played.append(_play(file, recording, tried, against, settings))
    if given.json:
        print(json.dumps(_body(played, tried, against), indent=1))
    else:
        print("\n\n".join(table(one, tried, against) for one in played))


def changes_of(pairs: Sequence[str], policy: ConfirmationPolicy) -> ConfirmationPolicy:
    """The policy with some ``key=value`` changed; values are JSON. Raises :class:`ConfigError`."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise ConfigError(f"The policy is given as KEY=VALUE, which {pair!r} is not; files stand before --policy.")
        try:
            changes[key] = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"The value of {key} is not a number or a list: {value[:80]!r}.") from error
    try:
        return PolicyChanges.model_validate(changes).over(policy)
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"The policy cannot be: {mistakes}.") from error
    except ValueError as error:
        raise ConfigError(f"The policy cannot be: {error}.") from error


class Eye:
    """Makes recordings of files: of a video by looking at it with the model of the settings."""

    def __init__(self, settings: Settings, camera: CameraSettings | None) -> None:
        self._options = settings.detector
        self._cache = settings.data_dir / "cache"
        self._zones = camera.zones if camera else ()
        self._masks = Masks(camera.masks if camera else ())
        self._rate = (camera and camera.look_rate) or settings.detector.look_rate
        self._backend: Backend | None = None

    def recording_of(self, file: Path) -> Recording:
        """What there is in a file. Raises :class:`RecordingError` and what opening a model raises."""
        try:
            with file.open("rb") as opened:
                begin = opened.read(64)
            if not begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return self._looked_at(file)
            if file.stat().st_size > MOST_BYTES:
                raise RecordingError(f"{file}: it is larger than {MOST_BYTES >> 20} MB")
            return read_recording(file.read_text("utf-8-sig").splitlines())
        except RecordingError as error:
            raise RecordingError(f"{file}: {error}") from error
        except UnicodeDecodeError as error:
            raise RecordingError(f"{file}: it is no text") from error
        except av.error.FFmpegError as error:
            raise RecordingError(f"{file}: {reason_of(error)}") from error
        except OSError as error:
            raise RecordingError(f"{file}: {error.strerror or error}") from error

    def _looked_at(self, file: Path) -> Recording:
        """A video, at the rate of looks on its own clock."""
        looks: list[RecordedLook] = []
        width = height = 0
        for at, picture in pictures_of(file, self._rate):
            if not looks:
                width, height = picture.width, picture.height
            size = np.array((picture.width, picture.height) * 2)
            seen = self.look(self._masks.burn(picture))
            looks.append(RecordedLook(at, seen.boxes / size, seen.scores, seen.classes))
        if not looks:
            raise RecordingError("there is no picture in it")
        model = self.model().info
        return Recording(file.stem, tuple(model.labels), width, height, tuple(looks), model.name)

    def look(self, picture: Picture) -> Detections:
        """What is in a picture of a video, down to the weak threshold, which is what a tracker wants."""
        model = self.model()
        image, letterbox = input_of_picture(picture, model.info.size, model.info.stride)
        seen = decode(model.infer(image), letterbox, self._options.weak_confidence, self._options.nms_iou)
        return seen.where(in_zones(seen.boxes, self._zones, picture.width, picture.height))

    def look_at_image(self, rgb: NDArray[np.uint8], confidence: float) -> Detections:
        """What is in a single picture (h, w, 3) RGB, from ``confidence`` on."""
        model = self.model()
        image, letterbox = input_of_image(rgb, model.info.size, model.info.stride)
        return decode(model.infer(image), letterbox, confidence, self._options.nms_iou)

    @property
    def is_open(self) -> bool:
        """Whether the model is open already."""
        return self._backend is not None

    def model(self) -> Backend:
        """The model, opened when it is first needed. Raises PluginError or ModelError."""
        if self._backend is None:
            options = self._options
            cache = self._cache if self._cache.is_dir() else None
            self._backend = load("inference", options.backend).open_model(
                options.model, workers=1, cache_dir=cache, device=options.device, precision=options.precision
            )
        return self._backend


def pictures_of(file: Path, rate: float) -> Iterator[tuple[float, Picture]]:
    """At most ``rate`` pictures a second of a video, each with its time in seconds since the first."""
    options = {"protocol_whitelist": "file,crypto,data"}
    with av.open(f"file:{file}", options=options) as container:
        if not container.streams.video:
            raise RecordingError("there is no video in it")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        step = 1 / float(stream.average_rate or 30)
        first, at, due = None, -step, 0.0
        for frame in container.decode(stream):
            time = frame.time
            first = time if first is None else first
            later = time is not None and first is not None and time - first > at
            at = time - first if later else at + step
            if at >= due - step / 2:
                yield at, picture_of(frame)
                due = max(due, at - 1 / rate) + 1 / rate


def table(played: Played, tried: ConfirmationPolicy, against: ConfirmationPolicy) -> str:
    """What the policies made of a file, for people."""
    looks = played.recording.looks
    seconds = looks[-1].at - looks[0].at if looks else 0.0
    lines = [f"{played.file}: {len(looks)} looks in {seconds:.1f} s, model {played.recording.model or 'not told'}"]
    same = tried == against
    heads = ("began", "ended", "label", "best", "hits", f"in force ({against.version})")
    rows: list[Columns] = [heads if same else (*heads, f"changed ({tried.version})")]
    for one in played.events:
        event, began = one.event, played.recording.began
        now = "suspected" if event.confirmed_at is None else f"confirmed at {event.confirmed_at - began:.1f} s"
        facts = (
            f"{event.first_seen - began:.1f} s",
            f"{event.last_seen - began:.1f} s",
            event.label,
            f"{event.best_score:.0%}",
            str(event.hits),
        )
        rows.append((*facts, now) if same else (*facts, one.before or "-", now))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if len(rows) > 1:
        padded = (map(str.ljust, row, widths) for row in rows)
        lines += ["  " + "  ".join(cells).rstrip() for cells in padded]
    changed, in_force = played.confirmed
    lines.append(f"  confirmed: {in_force} in force" + ("" if same else f", {changed} changed"))
    return "\n".join(lines)


def _play(
    file: Path, recording: Recording, tried: ConfirmationPolicy, against: ConfirmationPolicy, settings: Settings
) -> Played:
    options = settings.detector
    replay = Replay(
        recording.feed,
        recording.labels,
        (tried, against),
        TrackerSettings(options.confidence, options.weak_confidence),
        model=recording.model,
    )
    for _ in replay.play(recording):
        pass
    replay.close()
    counts = [sum(event.confirmed_at is not None for event in replay.events(number)) for number in (0, 1)]
    return Played(file, recording, compare(replay.events(0), replay.events(1)), (counts[0], counts[1]))


def _body(played: Sequence[Played], tried: ConfirmationPolicy, against: ConfirmationPolicy) -> dict[str, Any]:
    return {
        "policy": {**tried.as_dict(), "version": tried.version},
        "against": {**against.as_dict(), "version": against.version},
        "files": [
            {
                "file": str(one.file),
                "model": one.recording.model,
                "looks": len(one.recording.looks),
                "events": [
                    {**event_body(compared.event), "now": reached(compared.event), "before": compared.before}
                    for compared in one.events
                ],
                "confirmed": {"now": one.confirmed[0], "before": one.confirmed[1]},
            }
            for one in played
        ],
    }


def _camera(settings: Settings, name: str | None) -> CameraSettings | None:
    if name is None:
        return None
    for camera, _ in Catalogue(settings.data_dir, settings.cameras).cameras():
        if camera.name == name:
            return camera
    raise ConfigError(f"There is no camera named {name!r}.")


def _save(recording: Recording, file: Path) -> None:
    try:
        file.write_text("".join(lines_of(recording)), "utf-8")
    except OSError as error:
        raise ConfigError(f"The recording cannot be written to {file}: {error.strerror}.") from error

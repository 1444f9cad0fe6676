"""Looks at files of pictures and videos: what is in them, as the server would have told, and annotated copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .config import Settings
from .core.analyzer import Analyzer, SeenTrack
from .core.detections import Detections
from .core.drawing import Mark, draw_on_image, draw_on_picture, mark_of
from .core.events import Event, State
from .core.frame import CLOCK_RATE, Frame, Picture
from .core.replay import RecordingError
from .core.tracking import TrackerSettings
from .edge.pictures import decode_picture, encode_jpeg
from .edge.problems import Problem
from .playing import reason_of
from .plugins import ModelInfo
from .replaying import MOST_BYTES, Eye, pictures_of
from .video import even_of, frame_of, scaled_frame_of

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".mjpeg"})

ENCODING = {"preset": "veryfast", "crf": "23", "x264-params": "log-level=-1"}

Box = tuple[float, float, float, float]
Progress = Callable[[float], None]
"""Is told how many seconds of a video are done."""


class FileError(Exception):
    """A file cannot be looked at or its copy not be written; the message says why, without its name."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A detection: ``box`` in pixels; of a video also ``at`` (s since its first picture), track and state then."""

    label: str
    score: float
    box: Box
    at: float | None = None
    track_id: int | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What is in one file. ``events`` are of a video, in the order they began, each in its last revision."""

    file: Path
    kind: str
    width: int
    height: int
    looks: int
    seconds: float
    sightings: tuple[Sighting, ...]
    events: tuple[Event, ...] = ()

    @property
    def alarming(self) -> bool:
        """A picture with a detection, or a video in which an event was confirmed: one look at it alarms nobody."""
        if self.kind == "picture":
            return bool(self.sightings)
        return any(event.confirmed_at is not None for event in self.events)


def is_picture(file: Path) -> bool:
    """By its name."""
    return file.suffix.lower() in PICTURES


class Batch:
    """Looks at one file after the other with the model, thresholds and policy of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._eye = Eye(settings, None)

    @property
    def model(self) -> str:
        """The name of the model, which is opened for that. Raises PluginError or ModelError."""
        return self._eye.model().info.name

    def look_at(self, file: Path, copy: Path | None = None, progress: Progress | None = None) -> Result:
        """What is in a file; with boxes drawn in ``copy``, a JPEG or an MP4 file, which is there wholly or not at all.

        Raises :class:`FileError`, and what opening a model raises.
        """
        with said_plainly():
            if is_picture(file):
                return self._picture(file, copy)
            return self._video(file, copy, progress or (lambda _: None))

    def _picture(self, file: Path, copy: Path | None) -> Result:
        rgb = read_picture(file, self._settings)
        confidence = self._settings.detector.confidence
        seen = self._eye.look_at_image(rgb, confidence)
        result = picture_result(file, rgb, seen, self._eye.model().info.labels)
        if copy:
            write_picture(copy, rgb, result)
        return result

    def _video(self, file: Path, copy: Path | None, progress: Progress) -> Result:
        if not copy:
            return self._watched(file, progress, lambda _picture, _at, _marks: None)
        with whole(copy) as beginning, VideoCopy(beginning) as video:
            return self._watched(file, progress, video.add)

    def _watched(
        self, file: Path, progress: Progress, show: Callable[[Picture, float, Sequence[Mark]], None]
    ) -> Result:
        """Every picture is shown, and some are looked at."""
        told = Telling(file, self._settings, self._eye.model().info)
        for at, picture, due in pictures_due(file, self._settings.detector.look_rate):
            if due:
                told.take_in(picture, at, self._eye.look(picture))
            show(picture, at, [mark_of(seen, at) for seen in told.visible(at)])
            told.seconds = at
            progress(at)
        return told.result()


class Telling:
    """What the looks at one video, taken in one after the other, amount to: as of a camera with these settings."""

    def __init__(self, file: Path, settings: Settings, model: ModelInfo) -> None:
        options = settings.detector
        self._file = file
        self._analyzer = Analyzer(
            file.stem,
            model.labels,
            _ids(file.stem),
            settings.policy.policy(),
            TrackerSettings(options.confidence, options.weak_confidence),
            model.name,
        )
        self._sightings: list[Sighting] = []
        self._events: dict[str, Event] = {}
        self._width = self._height = self._looks = 0
        self.seconds = 0.0
        """How far the video was shown."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events so far, in the order they began, each in its last revision."""
        return tuple(self._events.values())

    def take_in(self, picture: Picture, at: float, seen: Detections) -> None:
        """A look at a picture, of which nothing but the size matters here, ``at`` seconds."""
        if not self._looks:
            self._width, self._height = picture.width, picture.height
        frame = Frame(picture, self._file.stem, self._looks, round(at * CLOCK_RATE), at, at)
        self._looks += 1
        self.seconds = at
        observation = self._analyzer.observe(frame, seen, at)
        self._sightings += (_sighting(track, at) for track in observation.tracks)
        self._events |= {event.id: event for event in observation.events}

    def visible(self, at: float) -> list[SeenTrack]:
        """What a screen should show ``at`` seconds."""
        return self._analyzer.visible(at)

    def result(self) -> Result:
        """All of it; what is still open ends here. Raises :class:`FileError` when there was no look."""
        if not self._looks:
            raise FileError("there is no picture in it")
        self._events |= {event.id: event for event in self._analyzer.close(self.seconds)}
        size = self._width, self._height
        return Result(
            self._file, "video", *size, self._looks, self.seconds, tuple(self._sightings), tuple(self._events.values())
        )


def at_confidence(settings: Settings, confidence: float) -> Settings:
    """The settings with another ``detector.confidence``, which is not below ``detector.weak_confidence``."""
    changed = settings.detector.model_copy(update={"confidence": confidence})
    return settings.model_copy(update={"detector": changed})


def pictures_due(file: Path, rate: float) -> Iterator[tuple[float, Picture, bool]]:
    """All pictures of a video, each with its time in seconds since the first and whether it is to be looked at: as
    often as those of a camera in which something stirs."""
    due = 0.0
    for at, picture in pictures_of(file, float("inf")):
        looked_at = at >= due - 1e-3
        if looked_at:
            due = max(due, at - 1 / rate) + 1 / rate
        yield at, picture, looked_at


def read_picture(file: Path, settings: Settings) -> NDArray[np.uint8]:
    """The pixels (h, w, 3) RGB of a picture file, upright. Raises FileError, Problem or OSError."""
    if file.stat().st_size > MOST_BYTES:
        raise FileError(f"it is larger than {MOST_BYTES >> 20} MB")
    return decode_picture(file.read_bytes(), settings.limits.picture_pixels)


def picture_result(file: Path, rgb: NDArray[np.uint8], seen: Detections, labels: Sequence[str]) -> Result:
    """What is in a picture, from what the model saw in it."""
    rows = zip(seen.boxes.tolist(), seen.scores.tolist(), seen.classes.tolist(), strict=True)
    sightings = tuple(Sighting(labels[kind], score, _box(box)) for box, score, kind in rows)
    height, width = rgb.shape[:2]
    return Result(file, "picture", width, height, 1, 0.0, sightings)


def marks_of(result: Result) -> list[Mark]:
    """The boxes of a picture."""
    return [Mark(np.array(one.box, np.float32), f"{one.label} {one.score:.0%}") for one in result.sightings]


def write_picture(copy: Path, rgb: NDArray[np.uint8], result: Result) -> None:
    """Write a picture as a JPEG with its boxes, which are drawn on ``rgb`` itself."""
    draw_on_image(rgb, marks_of(result))
    with whole(copy) as beginning:
        beginning.write_bytes(encode_jpeg(rgb))


@contextmanager
def said_plainly() -> Iterator[None]:
    """What goes wrong inside with a file is a :class:`FileError` that says what."""
    try:
        yield
    except (Problem, RecordingError) as error:
        raise FileError(str(error)) from error
    except av.error.FFmpegError as error:
        raise FileError(reason_of(error)) from error
    except OSError as error:
        raise FileError(error.strerror or str(error)) from error


class VideoCopy:
    """An MP4 file of H.264, without sound: pictures with their marks, each at its own time. To be closed."""

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream: VideoStream | None = None

    def __enter__(self) -> VideoCopy:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self._stream and error[0] is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def add(self, picture: Picture, at: float, marks: Sequence[Mark]) -> None:
        """Add a picture shown at ``at`` seconds. One of another size than the first is scaled to that."""
        frame, copy = frame_of(even_of(picture))
        draw_on_picture(copy, marks)
        if self._stream is None:
            stream = self._container.add_stream("libx264", rate=30, options=ENCODING)
            stream.width, stream.height, stream.pix_fmt = copy.width, copy.height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, CLOCK_RATE)
            self._stream = stream
        elif (copy.width, copy.height) != (self._stream.width, self._stream.height):
            frame, _ = scaled_frame_of(copy, self._stream.width, self._stream.height)
        frame.pts, frame.time_base = round(at * CLOCK_RATE), Fraction(1, CLOCK_RATE)
        self._container.mux(self._stream.encode(frame))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what is there in the end gets the name ``path``, unless it failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beginning = path.with_name(f".{path.name}.part")
    try:
        yield beginning
        os.replace(beginning, path)
    finally:
        beginning.unlink(missing_ok=True)


def _sighting(seen: SeenTrack, at: float) -> Sighting:
    track = seen.track
    return Sighting(seen.label, track.score, _box(track.box.tolist()), round(at, 3), track.id, seen.state)


def _box(sides: Sequence[float]) -> Box:
    x1, y1, x2, y2 = sides
    return x1, y1, x2, y2


def _ids(stem: str) -> Callable[[float], str]:
    numbers = iter(range(1, 1_000_000_000))
    return lambda _: f"{stem}-{next(numbers)}"

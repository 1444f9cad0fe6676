"""Looks at files of pictures and videos: what is in them, as the server would have told, and annotated copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from .config import Settings
from .core.analyzer import Analyzer, SeenTrack
from .core.drawing import Mark, draw_on_image, draw_on_picture, mark_of
from .core.events import Event, State
from .core.frame import CLOCK_RATE, Frame, Picture
from .core.replay import RecordingError
from .core.tracking import TrackerSettings
from .core.yolo import decode, input_of_image
from .edge.pictures import decode_picture, encode_jpeg
from .edge.problems import Problem
from .playing import reason_of
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
        try:
            if is_picture(file):
                return self._picture(file, copy)
            return self._video(file, copy, progress or (lambda _: None))
        except (Problem, RecordingError) as error:
            raise FileError(str(error)) from error
        except av.error.FFmpegError as error:
            raise FileError(reason_of(error)) from error
        except OSError as error:
            raise FileError(error.strerror or str(error)) from error

    def _picture(self, file: Path, copy: Path | None) -> Result:
        if file.stat().st_size > MOST_BYTES:
            raise FileError(f"it is larger than {MOST_BYTES >> 20} MB")
        rgb = decode_picture(file.read_bytes(), self._settings.limits.picture_pixels)
        options, model = self._settings.detector, self._eye.model()
        image, letterbox = input_of_image(rgb, model.info.size, model.info.stride)
        seen = decode(model.infer(image), letterbox, options.confidence, options.nms_iou)
        rows = zip(seen.boxes.tolist(), seen.scores.tolist(), seen.classes.tolist(), strict=True)
        sightings = tuple(Sighting(model.info.labels[kind], score, _box(box)) for box, score, kind in rows)
        height, width = rgb.shape[:2]
        if copy:
            marks = [
                Mark(box, f"{sighting.label} {sighting.score:.0%}")
                for box, sighting in zip(seen.boxes, sightings, strict=True)
            ]
            draw_on_image(rgb, marks)
            with _whole(copy) as beginning:
                beginning.write_bytes(encode_jpeg(rgb))
        return Result(file, "picture", width, height, 1, 0.0, sightings)

    def _video(self, file: Path, copy: Path | None, progress: Progress) -> Result:
        if not copy:
            return self._watched(file, progress, lambda _picture, _at, _marks: None)
        with _whole(copy) as beginning, VideoCopy(beginning) as video:
            return self._watched(file, progress, video.add)

    def _watched(
        self, file: Path, progress: Progress, show: Callable[[Picture, float, Sequence[Mark]], None]
    ) -> Result:
        """Every picture is shown, and looked at as often as that of a camera in which something stirs."""
        options = self._settings.detector
        analyzer = Analyzer(
            file.stem,
            self._eye.model().info.labels,
            _ids(file.stem),
            self._settings.policy.policy(),
            TrackerSettings(options.confidence, options.weak_confidence),
            self._eye.model().info.name,
        )
        sightings: list[Sighting] = []
        events: dict[str, Event] = {}
        width = height = looks = 0
        at = due = 0.0
        for number, (at, picture) in enumerate(pictures_of(file, float("inf"))):
            if not number:
                width, height = picture.width, picture.height
            if at >= due - 1e-3:
                due = max(due, at - 1 / options.look_rate) + 1 / options.look_rate
                looks += 1
                frame = Frame(picture, file.stem, number, round(at * CLOCK_RATE), at, at)
                observation = analyzer.observe(frame, self._eye.look(picture), at)
                sightings += (_sighting(seen, at) for seen in observation.tracks)
                events |= {event.id: event for event in observation.events}
            show(picture, at, [mark_of(seen, at) for seen in analyzer.visible(at)])
            progress(at)
        if not looks:
            raise FileError("there is no picture in it")
        events |= {event.id: event for event in analyzer.close(at)}
        return Result(file, "video", width, height, looks, at, tuple(sightings), tuple(events.values()))


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
def _whole(path: Path) -> Iterator[Path]:
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

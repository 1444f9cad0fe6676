"""Measure a model on pictures and on video, and write its figures into the model card.

MODEL is an ONNX file, OpenVINO's .xml, or a .pt file. Pictures are looked at as the server does; `--as-val` looks as
Ultralytics' `val` does instead, so that the figures can be compared with others' (equal within 0.002).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.error import FFmpegError

from server.config import DetectorSettings
from server.core.detections import Detections
from server.core.frame import Picture
from server.core.geometry import iou
from server.core.policy import ConfirmationPolicy
from server.core.replay import RecordingError
from server.core.tracking import TrackerSettings
from server.core.yolo import decode, input_of_image, input_of_picture
from server.plugins import Backend
from server.replaying import pictures_of

from . import card
from .alarms import GUN_LENGTHS, Alarms, Clip, carried, hourly_bound, watch, zoomed
from .augment import Image, paste
from .cutouts import Cutout, is_held_out, read_cutouts
from .errors import TrainingError
from .index import Entry, read_index
from .looking import GUN, SERVER, ULTRALYTICS, look, open_backend, read, sha256_of
from .scoring import (
    SIZES,
    Matches,
    Seen,
    ap50,
    ap50_95,
    at_threshold,
    average_precisions,
    best_f1,
    bootstrap,
    bootstrap_difference,
    bootstrap_share,
    match,
    recall_at,
    share_above,
    threshold_for,
)

DEFAULT = DetectorSettings().confidence
THRESHOLDS = sorted({DEFAULT, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6})
WANTED_SHARES = (0.01, 0.03, 0.05)
VIDEOS = (".mp4", ".mkv", ".avi", ".webm", ".mov")
PROBES = 100
"""Scenes for each length of the probe with pasted guns."""
PROBE_LENGTHS = (16, 24, 32, 48, 64)
PROBE_IOU = 0.3
"""Enough to point a person at it: a box of 16 pixels on the input is off by a few of them."""
ZOOMED = 60
"""Photographs of a set that clips are made of: a clip has 45 looks."""
CARRIED = 12
"""Clips for each length of a carried gun."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``evaluate``."""
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="data set made by `python -m training data`")
    parser.add_argument("--split", default="valid,test", help="default: %(default)s")
    parser.add_argument("--sets", default="", help="only these sets, by commas")
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument(
        "--backend", default="openvino", help="of the server, for ONNX: openvino, onnxruntime; a .pt file has its own"
    )
    parser.add_argument("--as-val", action="store_true", help="look as Ultralytics' val does")
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="gun-free videos: false alarms an hour")
    parser.add_argument("--cutouts", type=Path, nargs="*", default=[], help="folders of guns: small ones are pasted")
    parser.add_argument("--clips", action="store_true", help="make clips with guns and count what is confirmed")
    parser.add_argument("--against", type=Path, metavar="MODEL", help="another model, on the same pictures")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the figures as JSON")
    parser.add_argument("--card", type=Path, metavar="FILE", help="a model card: its tables are renewed")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; 0 whatever the figures are."""
    videos = _checked(arguments)
    backend = open_backend(arguments.model, arguments.backend, 2)
    entries = _chosen(arguments)
    protocol = ULTRALYTICS if arguments.as_val else SERVER
    seen = _looked(backend, arguments, entries, protocol)
    report: dict[str, Any] = {
        "model": {"file": arguments.model.name, "sha256": sha256_of(arguments.model), "backend": backend.info.backend},
        "protocol": protocol,
        "size": arguments.size,
        "threshold": DEFAULT,
        "look_rate": DetectorSettings().look_rate,
        "pictures": _picture_figures(seen),
        "gun_free": gun_free_figures(seen),
    }
    if arguments.against:
        report["against"] = _against(arguments, entries, protocol, seen)
    eye = _Eye(backend, arguments.size)
    cutouts = [c for folder in arguments.cutouts for c in read_cutouts(folder, True) if is_held_out(c.name)]
    free = [entry for entry in entries if not entry.boxes]
    if cutouts and free:
        report["pasted"] = _pasted(eye, arguments.data, free, cutouts)
    if videos:
        report["gun_free_video"] = _gun_free_video(eye, videos)
    if arguments.clips:
        report["gun_clips"] = _gun_clips(eye, arguments.data, entries, cutouts)
    print(card.tables(report))
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if arguments.card:
        card.renew(arguments.card, report)
    return 0


def _checked(arguments: argparse.Namespace) -> list[Path]:
    """What would fail only after the work is done, first; returns the videos, those in folders too."""
    if arguments.size < 32 or arguments.size % 32:
        raise TrainingError(f"A size of {arguments.size} cannot be: take a multiple of 32.")
    if arguments.out and not arguments.out.parent.is_dir():
        raise TrainingError(f"{arguments.out.parent} is not there: make the folder first.")
    if arguments.card:
        card.check(arguments.card)
    if arguments.clips and not arguments.cutouts:
        print("Without --cutouts, clips are made of photographs only.", file=sys.stderr)
    videos = []
    for path in arguments.videos:
        found = sorted(f for f in path.iterdir() if f.suffix in VIDEOS) if path.is_dir() else [path]
        if not found or not all(file.is_file() for file in found):
            raise TrainingError(f"{path} has no video ({', '.join(VIDEOS)}).")
        videos += found
    return videos


def _chosen(arguments: argparse.Namespace) -> list[Entry]:
    splits = {name.strip() for name in arguments.split.split(",")}
    sets = {name.strip() for name in arguments.sets.split(",") if name.strip()}
    entries = [e for e in read_index(arguments.data) if e.split in splits and (not sets or e.set in sets)]
    if not entries:
        raise TrainingError(f"There are no pictures in {arguments.split} {arguments.sets}: name another split or set.")
    return entries


Grouped = dict[str, list[Seen]]


def _looked(backend: Backend, arguments: argparse.Namespace, entries: Sequence[Entry], protocol: str) -> Grouped:
    """What was seen, by split and set."""
    groups: Grouped = {}
    for number, (entry, seen) in enumerate(look(backend, arguments.data, entries, arguments.size, protocol), 1):
        groups.setdefault(f"{entry.set} {entry.split}", []).append(seen)
        if sys.stderr.isatty() and (number % 50 == 0 or number == len(entries)):
            print(f"\r{number} of {len(entries)} pictures", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return dict(sorted(groups.items()))


def _picture_figures(groups: Grouped) -> dict[str, Any]:
    with_guns = {name: seen for name, seen in groups.items() if any(len(one.truth) for one in seen)}
    figures = {name: figures_of(seen) for name, seen in with_guns.items()}
    if figures:
        figures["together"] = figures_of([one for seen in groups.values() for one in seen])
    return figures


def figures_of(seen: Sequence[Seen]) -> dict[str, Any]:
    """The figures of one set."""
    matches = match(seen)
    precisions = average_precisions(matches)
    threshold, precision, recall = best_f1(matches)
    sizes = {}
    for name, size in SIZES.items():
        part = match(seen, size)
        if part.guns.sum():
            sizes[name] = {
                "guns": int(part.guns.sum()),
                "AP50": _rounded(average_precisions(part)[0]),
                "AP50_interval": _interval(bootstrap(part, ap50)),
                "recall": _rounded(at_threshold(part, DEFAULT)[1]),
                "recall_interval": _interval(bootstrap(part, recall_at(DEFAULT))),
            }
    return {
        "pictures": len(seen),
        "guns": int(matches.guns.sum()),
        "mAP50": _rounded(precisions[0]),
        "mAP50_interval": _interval(bootstrap(matches, ap50)),
        "mAP50_95": _rounded(precisions.mean()),
        "mAP50_95_interval": _interval(bootstrap(matches, ap50_95)),
        "best_f1": {"threshold": _rounded(threshold), "precision": _rounded(precision), "recall": _rounded(recall)},
        "at": {
            str(at): dict(zip(("precision", "recall"), map(_rounded, at_threshold(matches, at)), strict=True))
            for at in THRESHOLDS
        },
        "recall_interval": _interval(bootstrap(matches, recall_at(DEFAULT))),
        "sizes": sizes,
        "curve": _curve(matches),
    }


def _curve(matches: Matches) -> list[list[float]]:
    """Threshold, precision, recall in steps of 0.05."""
    return [[at / 100, *map(_rounded, at_threshold(matches, at / 100))] for at in range(5, 100, 5)]


def gun_free_figures(groups: Grouped) -> dict[str, Any]:
    """The figures of the sets that have no gun; none where there is no such set."""
    free = {
        name: np.array([float(one.scores[0]) if len(one.scores) else 0.0 for one in seen])
        for name, seen in groups.items()
        if not any(len(one.truth) for one in seen)
    }
    if not free:
        return {}
    together = np.concatenate(list(free.values()))
    with_guns = match([one for name, seen in groups.items() if name not in free for one in seen])
    return {
        "pictures": len(together),
        "share_with_a_box": {str(at): _rounded(share_above(together, at)) for at in THRESHOLDS},
        "interval": _interval(bootstrap_share(together, DEFAULT)),
        "by_set": {name: _rounded(share_above(best, DEFAULT)) for name, best in free.items()},
        "thresholds": {
            str(share): {"threshold": at, "recall": _rounded(at_threshold(with_guns, at)[1])}
            for share in WANTED_SHARES
            for at in (threshold_for(together, share),)
        },
    }


def _against(arguments: argparse.Namespace, entries: Sequence[Entry], protocol: str, seen: Grouped) -> dict[str, Any]:
    other = _looked(open_backend(arguments.against, arguments.backend, 2), arguments, entries, protocol)
    rows = {}
    for name, ours in seen.items():
        if not any(len(one.truth) for one in ours):
            continue
        one, two = match(ours), match(other[name])
        low, high = bootstrap_difference(one, two)
        rows[name] = {
            "mAP50": _rounded(average_precisions(one)[0]),
            "other_mAP50": _rounded(average_precisions(two)[0]),
            "difference_interval": [_rounded(low), _rounded(high)],
        }
    return {"file": arguments.against.name, "sha256": sha256_of(arguments.against), "sets": rows}


class _Eye:
    """The server's look at an RGB picture, with its usual settings."""

    def __init__(self, backend: Backend, size: int) -> None:
        self.labels = backend.info.labels
        self.options = DetectorSettings()
        self._backend, self._size = backend, size

    def see(self, picture: Image | Picture) -> Detections:
        stride = self._backend.info.stride
        if isinstance(picture, Picture):
            image, box = input_of_picture(picture, self._size, stride)
        else:
            image, box = input_of_image(picture, self._size, stride)
        seen = decode(self._backend.infer(image), box, self.options.weak_confidence, self.options.nms_iou)
        guns = seen.classes == self.labels.index(GUN)
        return Detections(seen.boxes[guns], seen.scores[guns], seen.classes[guns])

    def alarms(self, clip: Clip) -> Alarms:
        tracker = TrackerSettings(self.options.confidence, self.options.weak_confidence)
        return watch(clip, self.see, self.labels, self.options.look_rate, ConfirmationPolicy(), tracker)


def _pasted(eye: _Eye, data: Path, free: Sequence[Entry], cutouts: Sequence[Cutout]) -> dict[str, Any]:
    """Share of cut-outs found that were never pasted in training, in gun-free scenes of 1280x720."""
    rng, shares = random.Random(0), {}
    for length in PROBE_LENGTHS:
        found = 0
        for _ in range(PROBES):
            scene = _scene(data, rng.choice(free))
            box = None
            while box is None:
                box = paste(scene, np.empty((0, 4), np.float32), rng.choice(cutouts), length, rng)
            seen = eye.see(np.ascontiguousarray(scene[..., ::-1]))
            strong = seen.boxes[seen.scores > eye.options.confidence]
            found += bool((iou(strong, box[None]) >= PROBE_IOU).any())
        shares[str(length)] = found / PROBES
    return {"scenes": PROBES, "cutouts": len(cutouts), "found": shares}


def _scene(data: Path, entry: Entry) -> Image:
    """A picture as BGR of 1280x720."""
    bgr = read(data / entry.file)[..., ::-1]
    return np.asarray(cv2.resize(bgr, (1280, 720), interpolation=cv2.INTER_LINEAR), np.uint8)


def _gun_free_video(eye: _Eye, files: Sequence[Path]) -> dict[str, Any]:
    alarms = []
    for path in files:
        pictures = (picture for _, picture in pictures_of(path, eye.options.look_rate))
        try:
            alarms.append(eye.alarms(Clip(path.name, pictures, None)))
        except (FFmpegError, RecordingError) as error:
            raise TrainingError(f"{path} cannot be read as a video: {error}") from error
    hours, count = sum(one.seconds for one in alarms) / 3600, sum(one.false_alarms for one in alarms)
    return {
        "videos": {one.clip: {"seconds": round(one.seconds, 1), "false_alarms": one.false_alarms} for one in alarms},
        "hours": round(hours, 4),
        "false_alarms": count,
        "an_hour_at_most": round(hourly_bound(count, hours), 1),
    }


def _gun_clips(eye: _Eye, data: Path, entries: Sequence[Entry], cutouts: Sequence[Cutout]) -> dict[str, Any]:
    """Made clips: there is no freely licensed video with a gun."""
    rate = eye.options.look_rate
    free = [_scene(data, entry)[..., ::-1] for entry in entries if not entry.boxes][:8]
    if not free:
        raise TrainingError("Made clips need gun-free pictures: take a split that has some.")
    figures = {}
    shown = [entry for entry in entries if entry.split == "test" and entry.boxes]
    if not shown and not cutouts:
        raise TrainingError("Made clips need guns: test pictures with some, or --cutouts.")
    for name in sorted({entry.set for entry in shown}):
        clips = [
            zoomed(entry.file, read(data / entry.file), np.ascontiguousarray(free[number % len(free)]), rate)
            for number, entry in enumerate([e for e in shown if e.set == name][:ZOOMED])
        ]
        figures[f"{name} test, zoomed"] = _told(eye.alarms(clip) for clip in clips)
    for length in GUN_LENGTHS if cutouts else ():
        clips = [
            carried(f"{length} px", [free[n % len(free)]], cutouts[n % len(cutouts)], length, rate, n)
            for n in range(CARRIED)
        ]
        figures[f"cut-out of {length} px, carried"] = _told(eye.alarms(clip) for clip in clips)
    return figures


def _told(alarms: Iterable[Alarms]) -> dict[str, Any]:
    told = list(alarms)
    delays = sorted(one.delay for one in told if one.delay is not None)
    return {
        "clips": len(told),
        "confirmed": _rounded(len(delays) / len(told)),
        "delay_s": [_rounded(float(np.percentile(delays, p))) for p in (50, 95)] if delays else None,
        "false_alarms": sum(one.false_alarms for one in told),
    }


def _interval(ends: tuple[float, float]) -> list[float]:
    return [_rounded(end) for end in ends]


def _rounded(value: float) -> float:
    return round(float(value), 4)

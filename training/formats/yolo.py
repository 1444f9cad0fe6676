"""YOLO: a text file beside or parallel to each picture, a line for each box: class, centre, width, height."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..errors import TrainingError
from ..problems import Kind, Problems, shown
from .tree import NAMES, Found, Shape, Tree, around

DESCRIPTIONS = ("data.yaml", "data.yml", "dataset.yaml")
NAME_LISTS = ("classes.txt", "obj.names", "_darknet.labels", "predefined_classes.txt")
FRACTIONS = (1.0, 1.0)


def recognises(tree: Tree) -> bool:
    """Whatever has pictures: they may be without labels."""
    return bool(tree.pictures)


def read(tree: Tree, names: tuple[str, ...], problems: Problems) -> Iterator[Found]:
    """See :class:`training.formats.Format`. Raises TrainingError for a description that cannot be read."""
    description = next((tree.root / name for name in DESCRIPTIONS if (tree.root / name).is_file()), None)
    body = _described(description) if description else {}
    named = _names(body) or _listed(tree) or dict(enumerate(names))
    folders, files = _splits(tree.root, body)
    used = set()
    for picture in tree.pictures:
        split = files.get(picture) or next((folders[up] for up in picture.parents if up in folders), None)
        labels = next((path for path in _label_paths(picture) if path.is_file()), None)
        if labels is None:
            yield Found(picture, split or tree.split(picture), None)
            continue
        used.add(labels)
        shapes, is_broken = _read_labels(labels, named, problems)
        yield Found(picture, split or tree.split(picture), labels, shapes, FRACTIONS, is_broken)
    for path in tree.others.get(".txt", []):
        if "labels" in path.relative_to(tree.root).parts[:-1] and path not in used and path.name not in NAME_LISTS:
            problems.add(Kind.NO_PICTURE, path, None, "no picture has this name")


def _label_paths(picture: Path) -> Iterator[Path]:
    parts = picture.parts
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if places:  # the last one, as Ultralytics takes it
        yield Path(*parts[: places[-1]], "labels", *parts[places[-1] + 1 :]).with_suffix(".txt")
    yield picture.with_suffix(".txt")


def _read_labels(path: Path, names: dict[int, str], problems: Problems) -> tuple[tuple[Shape, ...], bool]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad_line = data[: error.start].count(b"\n") + 1
        problems.add(Kind.UNREADABLE_LABELS, path, bad_line, f"not UTF-8: byte 0x{data[error.start]:02x}")
        return (), True
    shapes, is_broken = [], False
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        shape = _shape(words, number, path, names, problems)
        if shape:
            shapes.append(shape)
        else:
            is_broken = True
    return tuple(shapes), is_broken


def _shape(words: list[str], line: int, path: Path, names: dict[int, str], problems: Problems) -> Shape | None:
    """A label, or None after the problem is put down."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        problems.add(Kind.NOT_A_NUMBER, path, line, " ".join(words)[:80])
        return None
    if not all(map(math.isfinite, values)):
        problems.add(Kind.NOT_A_NUMBER, path, line, " ".join(words)[:80])
        return None
    number, *rest = values
    is_outline = len(rest) >= 6 and len(rest) % 2 == 0
    if len(rest) != 4 and not is_outline:
        problems.add(Kind.COLUMNS, path, line, f"{len(values)} columns; a box has 5, an outline 7, 9, 11 ...")
        return None
    if not number.is_integer():
        problems.add(Kind.UNKNOWN_CLASS, path, line, f"class {words[0]}")
        return None
    name = names.get(int(number), str(int(number)))
    if is_outline:
        return Shape(name, line, around(rest), True)
    x, y, w, h = rest
    return Shape(name, line, (x - w / 2, y - h / 2, x + w / 2, y + h / 2))


def _described(path: Path) -> dict[str, Any]:
    try:
        body = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TrainingError(f"{shown(path)} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(body, dict):
        raise TrainingError(f"{shown(path)} does not describe a data set: it has no keys such as `names`.")
    return body


def _names(body: dict[str, Any]) -> dict[int, str]:
    names = body.get("names")
    if isinstance(names, list):
        return dict(enumerate(map(str, names)))
    if isinstance(names, dict) and all(str(key).isdigit() for key in names):
        return {int(key): str(name) for key, name in names.items()}
    return {}


def _listed(tree: Tree) -> dict[int, str]:
    for path in (path for paths in tree.others.values() for path in paths if path.name in NAME_LISTS):
        try:
            return dict(enumerate(path.read_text("utf-8-sig").split("\n")))
        except UnicodeDecodeError as error:
            raise TrainingError(f"{shown(path)} is not UTF-8: save it as such ({error.reason}).") from error
    return {}


def _splits(root: Path, body: dict[str, Any]) -> tuple[dict[Path, str], dict[Path, str]]:
    """The splits of folders and of single pictures, as a description names them."""
    folders: dict[Path, str] = {}
    files: dict[Path, str] = {}
    base = Path(str(body.get("path") or "."))
    for key, split in NAMES.items():
        entries = body.get(key)
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, str):
                continue
            # Roboflow writes ../train/images and means train/images.
            tried = [root / base / entry, root / entry, root / entry.removeprefix("../")]
            path = next((path for path in tried if path.exists()), None)
            if path is None:
                continue
            if path.is_dir():
                folders[_normal(path)] = split
            else:
                lines = path.read_text("utf-8", "surrogateescape").splitlines()
                files |= {_normal(path.parent / line.strip()): split for line in lines if line.strip()}
    return folders, files


def _normal(path: Path) -> Path:
    """Without ``..`` and ``.``, as the pictures of a tree are."""
    return Path(os.path.normpath(path))

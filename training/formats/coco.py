"""COCO: one JSON file for many pictures, boxes as x, y, width, height in pixels."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import TrainingError
from ..problems import Kind, Problems, shown
from .tree import SPLIT, Found, Shape, Tree, around, split_named

BEGINS = 1 << 16
"""Bytes read of a JSON file to tell whether it could be one of COCO's."""


def recognises(tree: Tree) -> bool:
    """Whether a JSON file has annotations."""
    return any(_is_annotations(path) for path in tree.others.get(".json", []))


def read(tree: Tree, names: tuple[str, ...], problems: Problems) -> Iterator[Found]:
    """See :class:`training.formats.Format`; what is a problem is named by its annotation's id. Raises TrainingError."""
    seen = set()
    for path in tree.others[".json"]:
        if not _is_annotations(path):
            continue
        body = _body(path)
        for found in _read(tree, path, body, problems):
            seen.add(found.picture)
            yield found
    for picture in tree.pictures:
        if picture not in seen:
            yield Found(picture, tree.split(picture), None)


def _is_annotations(path: Path) -> bool:
    with path.open("rb") as file:
        begins, size = file.read(BEGINS), path.stat().st_size
        file.seek(max(size - BEGINS, 0))
        both = begins + file.read(BEGINS)
    return begins.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and (b'"images"' in both or b'"annotations"' in both)


def _body(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        body = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(f"{shown(path)} cannot be read: {error}") from error
    lists = {key: body.get(key) for key in ("images", "annotations", "categories")}
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise TrainingError(f"{shown(path)} is not COCO's: `{key}` is not a list of objects.")
    return lists


def _read(tree: Tree, path: Path, body: dict[str, list[dict[str, Any]]], problems: Problems) -> Iterator[Found]:
    categories = {entry.get("id"): str(entry.get("name")) for entry in body["categories"]}
    by_image: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in body["annotations"]:
        by_image[_key(annotation.get("image_id"))].append(annotation)
    split = tree.split(path) or _split_in(path.stem)
    for image in body["images"]:
        annotations = by_image.pop(_key(image.get("id")), [])
        picture = tree.picture(path, str(image.get("file_name") or ""))
        if picture is None:
            problems.add(Kind.NO_PICTURE, path, None, f"image {image.get('id')}: {image.get('file_name')} is not there")
            continue
        shapes, is_broken = [], False
        for annotation in annotations:
            shape = _shape(path, annotation, categories, problems)
            if shape:
                shapes.append(shape)
            else:
                is_broken = True
        yield Found(picture, split or tree.split(picture), path, tuple(shapes), _size(image), is_broken)
    for image_id in by_image:
        problems.add(Kind.NO_PICTURE, path, None, f"annotations of an image {image_id} that is not listed")


def _shape(path: Path, annotation: dict[str, Any], categories: dict[Any, str], problems: Problems) -> Shape | None:
    """A label, or None after the problem is put down."""
    note = f"annotation {annotation.get('id')}"
    if annotation.get("iscrowd"):
        problems.add(Kind.UNREADABLE_LABELS, path, None, f"{note} is of a crowd (iscrowd), not of one thing")
        return None
    outline = annotation.get("segmentation")
    box, is_outline = annotation.get("bbox"), False
    if not box and isinstance(outline, list) and outline and all(isinstance(part, list) for part in outline):
        box, is_outline = [value for part in outline for value in part], True
    if not isinstance(box, list) or (len(box) != 4 and not is_outline) or len(box) % 2 or not box:
        problems.add(Kind.COLUMNS, path, None, f"{note}: bbox {str(box)[:60]}; 4 numbers are wanted")
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in box):
        problems.add(Kind.NOT_A_NUMBER, path, None, f"{note}: bbox {str(box)[:60]}")
        return None
    corners = around(box) if is_outline else (box[0], box[1], box[0] + box[2], box[1] + box[3])
    name = categories.get(_key(annotation.get("category_id")), str(annotation.get("category_id")))
    return Shape(name, None, corners, is_outline, note)


def _size(image: dict[str, Any]) -> tuple[float, float] | None:
    size = image.get("width"), image.get("height")
    if all(isinstance(side, int | float) and 0 < side < math.inf for side in size):
        return float(size[0]), float(size[1])  # type: ignore[arg-type]
    return None


def _key(value: Any) -> Any:
    """An id as a key: what cannot be one is as its text."""
    return value if isinstance(value, int | str | None) else repr(value)


def _split_in(name: str) -> str | None:
    """The split in a name such as ``instances_train2017``."""
    match = SPLIT.search(name)
    return split_named(match[1]) if match else None

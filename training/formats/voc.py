"""Pascal VOC: an XML file for each picture, boxes as their edges in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ..problems import Kind, Problems
from .tree import Found, Shape, Tree, around, split_named

EDGES = ("xmin", "ymin", "xmax", "ymax")
LINE = "line"
"""Attribute in which an element keeps the line it begins on."""

BEGINS = 4096


def recognises(tree: Tree) -> bool:
    """Whether an XML file is an annotation."""
    return any(_begins(path) for path in tree.others.get(".xml", []))


def read(tree: Tree, names: tuple[str, ...], problems: Problems) -> Iterator[Found]:
    """See :class:`training.formats.Format`."""
    listed = _listed(tree)
    seen = set()
    for path in tree.others[".xml"]:
        root: Element | None = None
        try:
            root = _parsed(path.read_bytes())
        except (expat.ExpatError, ValueError) as error:
            line = error.lineno if isinstance(error, expat.ExpatError) else None
            problems.add(Kind.UNREADABLE_LABELS, path, line, str(error))
        if root is not None and root.tag != "annotation":
            continue
        names_of = [root.findtext("filename") or ""] if root is not None else []
        picture = next((found for name in (*names_of, path.stem) if name and (found := tree.picture(path, name))), None)
        if picture is None:
            problems.add(
                Kind.NO_PICTURE, path, None, f"the picture {names_of[0] if names_of else path.stem} is not there"
            )
            continue
        seen.add(picture)
        split = listed.get(path.stem) or tree.split(path) or tree.split(picture)
        if root is None:
            yield Found(picture, split, path, is_broken=True)
            continue
        shapes, is_broken = [], False
        for thing in root.iter("object"):
            shape = _shape(path, thing, problems)
            if shape:
                shapes.append(shape)
            else:
                is_broken = True
        yield Found(picture, split, path, tuple(shapes), _size(root), is_broken)
    for picture in tree.pictures:
        if picture not in seen:
            yield Found(picture, tree.split(picture), None)


def _begins(path: Path) -> bool:
    with path.open("rb") as file:
        return b"<annotation" in file.read(BEGINS)


def _listed(tree: Tree) -> dict[str, str]:
    """The splits in ``ImageSets/Main/train.txt`` and so on, by the stem of the picture."""
    found: dict[str, str] = {}
    for path in tree.others.get(".txt", []):
        split = split_named(path.stem)
        if split and "ImageSets" in path.parts:
            lines = path.read_text("utf-8", "surrogateescape").splitlines()
            found |= {line.split()[0]: split for line in lines if line.strip()}
    return found


def _parsed(data: bytes) -> Element:
    """The root of a document; each element has its line as an attribute. Raises ExpatError, and ValueError where a
    document defines entities: no tool writes such, and they can be made to grow without bound."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag, {**attributes, LINE: str(parser.CurrentLineNumber)})

    def entity(name: str, *_: object) -> None:
        raise ValueError(f"the document defines the entity {name}")

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    parser.Parse(data, True)
    return builder.close()


def _shape(path: Path, thing: Element, problems: Problems) -> Shape | None:
    """A label, or None after the problem is put down."""
    line = int(thing.attrib[LINE])
    box, outline = thing.find("bndbox"), thing.find("polygon")
    words = [box.findtext(edge) for edge in EDGES] if box is not None else []
    if box is None and outline is not None:
        words = [point.text for point in outline]
    if len(words) < 4 or len(words) % 2 or None in words:
        problems.add(Kind.COLUMNS, path, line, f"no bndbox with {', '.join(EDGES)}")
        return None
    try:
        values = [float(word or "") for word in words]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        problems.add(Kind.NOT_A_NUMBER, path, line, " ".join(str(word) for word in words)[:80])
        return None
    name = (thing.findtext("name") or "").strip()
    if box is None:
        return Shape(name, line, around(values), True)
    return Shape(name, line, (values[0], values[1], values[2], values[3]))


def _size(root: Element) -> tuple[float, float] | None:
    try:
        width, height = (float(root.findtext(f"size/{side}") or "") for side in ("width", "height"))
    except ValueError:
        return None
    return (width, height) if 0 < width < math.inf and 0 < height < math.inf else None

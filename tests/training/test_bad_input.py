"""Everything that can be wrong in a source: named by file and line, counted once, and the rest is used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from training.__main__ import main
from training.index import boxes_of
from training.problems import Kind

from ..fixtures import bad_pictures
from .builders import GUN, good, made, picture, put, report

Make = Callable[[Path], object]


def labelled(labels: str | bytes) -> Make:
    def make(root: Path) -> None:
        put(root / "images/bad.png", 1)
        path = root / "labels/bad.txt"
        path.write_bytes(labels if isinstance(labels, bytes) else labels.encode())

    return make


def pictured(data: bytes, suffix: str = ".jpg") -> Make:
    def make(root: Path) -> None:
        path = put(root / f"images/bad{suffix}", 1)
        path.write_bytes(data)

    return make


def saved(name: str, image: Image.Image) -> Make:
    def make(root: Path) -> None:
        image.save(put(root / f"images/{name}", 1))

    return make


def orphan(root: Path) -> None:
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels/alone.txt").write_text(GUN)


OUT, BOX, MENDED = "the picture is left out", "the box is left out", "is used"

LABELS: dict[str, tuple[str | bytes, Kind, int, str]] = {
    "far outside": (GUN + "0 0.9 0.5 0.4 0.2\n", Kind.OUTSIDE, 2, OUT),
    "negative": ("0 -0.5 0.5 0.2 0.2\n", Kind.OUTSIDE, 1, OUT),
    "in pixels": ("0 320 240 100 50\n", Kind.OUTSIDE, 1, OUT),
    "a little outside": ("\n0 0.9 0.5 0.22 0.2\n", Kind.CLIPPED, 2, MENDED),
    "outline": ("0 0.1 0.1 0.5 0.1 0.5 0.6\n", Kind.POLYGON, 1, MENDED),
    "no area": (GUN + "0 0.5 0.5 0 0.3\n", Kind.EMPTY_BOX, 2, BOX),
    "wrong way round": ("0 0.5 0.5 -0.2 0.3\n", Kind.UNREADABLE_LABELS, 1, OUT),
    "twice": (GUN + GUN, Kind.REPEATED_BOX, 2, BOX),
    "four columns": ("0 0.5 0.5 0.2\n", Kind.COLUMNS, 1, OUT),
    "six columns": (GUN + "0 0.5 0.5 0.2 0.2 0.99\n", Kind.COLUMNS, 2, OUT),
    "nan": ("0 0.5 nan 0.2 0.2\n", Kind.NOT_A_NUMBER, 1, OUT),
    "infinite": ("0 0.5 inf 0.2 0.2\n", Kind.NOT_A_NUMBER, 1, OUT),
    "words": ("gun 0.5 0.5 0.2 0.2\n", Kind.NOT_A_NUMBER, 1, OUT),
    "unknown class": (GUN + "7 0.5 0.5 0.2 0.2\n", Kind.UNKNOWN_CLASS, 2, OUT),
    "half a class": ("0.5 0.5 0.5 0.2 0.2\n", Kind.UNKNOWN_CLASS, 1, OUT),
    "not utf-8": (GUN.encode() + b"0 0.5 0.5 0.2 \xff\n", Kind.UNREADABLE_LABELS, 2, OUT),
    "utf-16": (GUN.encode("utf-16"), Kind.UNREADABLE_LABELS, 1, OUT),
}


@pytest.mark.parametrize(("labels", "kind", "line", "done"), LABELS.values(), ids=LABELS.keys())
def test_labels(tmp_path: Path, labels: str | bytes, kind: Kind, line: int, done: str) -> None:
    good(tmp_path / "source")
    labelled(labels)(tmp_path / "source")
    entries = made(tmp_path / "out", tmp_path / "source")
    (problem,) = report(tmp_path / "out")
    assert (problem["kind"], problem["line"]) == (kind, line)
    assert str(problem["file"]).endswith("source/labels/bad.txt")
    assert len(entries) == (4 if done == OUT else 5)
    if done != OUT:
        assert [entry.boxes for entry in entries if entry.origin == "images/bad.png"] == [1]


def linked(root: Path) -> None:
    put(root / "images/bad.png", 1).unlink()
    (root / "images/bad.png").symlink_to("gone.png")


def piped(root: Path) -> None:
    put(root / "images/bad.png", 1).unlink()
    os.mkfifo(root / "images/bad.png")


PICTURES = {
    "link to nothing": (linked, Kind.NO_PICTURE_FILE, "bad.png"),
    "pipe": (piped, Kind.NO_PICTURE_FILE, "bad.png"),
    "zero bytes": (pictured(bad_pictures.empty()), Kind.EMPTY_FILE, "bad.jpg"),
    "text": (pictured(bad_pictures.not_a_picture()), Kind.NO_PICTURE_FILE, "bad.jpg"),
    "jpeg in name only": (pictured(bad_pictures.jpeg_in_name_only()), Kind.NO_PICTURE_FILE, "bad.jpg"),
    "jpeg cut off": (pictured(bad_pictures.truncated_jpeg()), Kind.TRUNCATED, "bad.jpg"),
    "png cut off": (pictured(bad_pictures.truncated_png(), ".png"), Kind.TRUNCATED, "bad.png"),
    "bomb": (pictured(bad_pictures.huge_png_header(), ".png"), Kind.TOO_LARGE, "bad.png"),
    "huge": (pictured(bad_pictures.huge_png_header(10_000, 9_000), ".png"), Kind.TOO_LARGE, "bad.png"),
    "tiny": (saved("bad.png", Image.new("RGB", (9, 400))), Kind.TOO_SMALL, "bad.png"),
    "no labels": (lambda root: put(root / "images/bad.png", 1, None), Kind.NO_LABELS, "bad.png"),
    "no picture": (orphan, Kind.NO_PICTURE, "alone.txt"),
}


@pytest.mark.parametrize(("make", "kind", "name"), PICTURES.values(), ids=PICTURES.keys())
def test_pictures_that_are_left_out(tmp_path: Path, make: Make, kind: Kind, name: str) -> None:
    make(good(tmp_path / "source"))
    entries = made(tmp_path / "out", tmp_path / "source")
    (problem,) = report(tmp_path / "out")
    assert problem["kind"] == kind
    assert Path(str(problem["file"])).name == name
    assert len(entries) == 4


ODD = {
    "16-bit grey": (pictured(bad_pictures.grey_16_bit_png(), ".png"), "16 bits a channel"),
    "cmyk": (pictured(bad_pictures.cmyk_jpeg()), "colours as CMYK"),
    "transparent": (saved("bad.png", picture(1).convert("RGBA")), "colours as RGBA"),
    "palette": (saved("bad.png", picture(1).convert("P")), "colours as P"),
    "animated": (pictured(bad_pictures.animated_png(), ".png"), "animated: its first picture is taken"),
    "webp": (pictured(bad_pictures.still_webp(), ".webp"), "WEBP"),
    "bmp": (saved("bad.bmp", picture(1)), "BMP"),
    "turned": (pictured(bad_pictures.rotated_jpeg()), "turned by its EXIF orientation"),
    "bytes after its end": (pictured(bad_pictures.grey_jpeg() + b"\0\0more"), "bytes after its end"),
}


@pytest.mark.parametrize(("make", "what"), ODD.values(), ids=ODD.keys())
def test_pictures_that_are_made_plain(tmp_path: Path, make: Make, what: str) -> None:
    make(good(tmp_path / "source"))
    entries = made(tmp_path / "out", tmp_path / "source")
    (problem,) = report(tmp_path / "out")
    assert (problem["kind"], problem["what"]) == (Kind.REWRITTEN, what)
    (entry,) = [entry for entry in entries if "bad" in entry.origin]
    with Image.open(tmp_path / "out" / entry.file) as image:
        assert (image.format, image.size) == (
            "PNG" if entry.file.endswith(".png") else "JPEG",
            (entry.width, entry.height),
        )
        assert image.mode in ("RGB", "L")
        assert image.getexif().get(bad_pictures.EXIF_ORIENTATION, 1) == 1
        assert getattr(image, "n_frames", 1) == 1


def test_a_source_with_every_fault_keeps_what_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = good(tmp_path / "source")
    for number, (labels, *_) in enumerate(LABELS.values()):
        text = labels if isinstance(labels, bytes) else labels.encode()
        put(root / f"images/l{number}.png", number)
        (root / f"labels/l{number}.txt").write_bytes(text)
    entries = made(tmp_path / "out", root)
    assert len(report(tmp_path / "out")) == len(LABELS)
    assert len(entries) == 4 + sum(done != OUT for *_, done in LABELS.values())
    told = capsys.readouterr().out
    assert f"Problems: {len(LABELS)}\n" in told
    assert "labels/l6.txt, line 2: 0.5 0.5 0 0.3" not in told
    assert "labels/l5.txt, line 2: x 0.500 to 0.500, y 0.350 to 0.650 of the picture" in told
    assert main(["data", str(root), "--out", str(tmp_path / "strict"), "--strict"]) == 1


def test_one_picture_with_two_labels(tmp_path: Path) -> None:
    put(tmp_path / "source/train/images/a.png", 1, "")
    put(tmp_path / "source/train/images/b.png", 1, GUN)
    put(tmp_path / "source/train/images/c.png", 2, GUN)
    (kept, _) = made(tmp_path / "out", tmp_path / "source")
    (problem,) = report(tmp_path / "out")
    assert (problem["kind"], Path(str(problem["file"])).name) == (Kind.TWO_LABELS, "a.png")
    assert str(problem["what"]).startswith("0 boxes; 1 for ")
    assert (kept.origin, kept.boxes) == ("train/images/b.png", 1)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    root = good(tmp_path / "source")
    put(root / "images" / os.fsdecode(b"caf\xe9 1.png"), 1)
    put(root / "images" / os.fsdecode(b"caf\xe9?1.png"), 2)
    entries = [entry for entry in made(tmp_path / "out", root) if "caf" in entry.origin]
    assert [entry.origin for entry in entries] == ["images/caf\\xe9 1.png", "images/caf\\xe9?1.png"]
    names = [Path(entry.file).name for entry in entries]
    assert names == ["source-caf_xe9_1.png", f"source-caf_xe9_1-{entries[1].sha256[:8]}.png"]
    assert all(boxes_of(tmp_path / "out", entry).tolist() == [[0, 0.5, 0.5, 0.25, 0.5]] for entry in entries)


def coco(root: Path, annotation: dict[str, object], **image: object) -> None:
    put(root / "a.png", 1, None)
    put(root / "b.png", 2, None)
    whole = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [24, 12, 16, 24]}
    body = {
        "images": [
            {"id": 1, "file_name": "b.png"},
            {"id": 2, "file_name": "a.png", "width": 64, "height": 48, **image},
        ],
        "annotations": [whole, {**whole, "id": 9, "image_id": 2, **annotation}],
        "categories": [{"id": 1, "name": "gun"}],
    }
    (root / "all.json").write_text(json.dumps(body))


@pytest.mark.parametrize(
    ("annotation", "image", "kind", "what"),
    [
        ({"bbox": [24, 12, 16]}, {}, Kind.COLUMNS, "annotation 9: bbox [24, 12, 16]; 4 numbers are wanted"),
        ({"bbox": [24, 12, "x", 1]}, {}, Kind.NOT_A_NUMBER, "annotation 9: bbox [24, 12, 'x', 1]"),
        ({"bbox": [24, 12, float("nan"), 1]}, {}, Kind.NOT_A_NUMBER, "annotation 9: bbox [24, 12, nan, 1]"),
        ({"category_id": 5}, {}, Kind.UNKNOWN_CLASS, "annotation 9: '5': say what it is by --map"),
        ({"iscrowd": 1}, {}, Kind.UNREADABLE_LABELS, "annotation 9 is of a crowd (iscrowd), not of one thing"),
        ({}, {"width": 48, "height": 64}, Kind.OTHER_SIZE, "labels for 48 x 64, the picture a.png is 64 x 48"),
        ({}, {"file_name": "c.png"}, Kind.NO_PICTURE, "image 2: c.png is not there"),
        ({"image_id": 5}, {}, Kind.NO_PICTURE, "annotations of an image 5 that is not listed"),
    ],
)
def test_coco(tmp_path: Path, annotation: dict[str, object], image: dict[str, object], kind: Kind, what: str) -> None:
    coco(tmp_path / "source", annotation, **image)
    made(tmp_path / "out", tmp_path / "source")
    problem = report(tmp_path / "out")[0]
    assert (problem["kind"], problem["what"]) == (kind, what)
    assert str(problem["file"]).endswith("source/all.json")


@pytest.mark.parametrize(
    ("old", "new", "kind", "line"),
    [
        ("<xmin>24</xmin>", "", Kind.COLUMNS, 4),
        ("<xmin>24</xmin>", "<xmin>left</xmin>", Kind.NOT_A_NUMBER, 4),
        ("<xmin>24</xmin>", "<xmin>41</xmin>", Kind.UNREADABLE_LABELS, 4),
        ("<xmin>24</xmin>", "<xmin>-24</xmin>", Kind.OUTSIDE, 4),
        ("<name>gun</name>", "<name>knife</name>", Kind.UNKNOWN_CLASS, 4),
        ("</object>", "", Kind.UNREADABLE_LABELS, 8),
        ("<width>64</width>", "<width>640</width>", Kind.OTHER_SIZE, None),
    ],
)
def test_voc(tmp_path: Path, old: str, new: str, kind: Kind, line: int | None) -> None:
    text = (
        "<annotation>\n<filename>x.png</filename>\n<size><width>64</width><height>48</height></size>\n<object>\n"
        "<name>gun</name>\n<bndbox><xmin>24</xmin><ymin>12</ymin><xmax>40</xmax><ymax>36</ymax></bndbox>\n</object>\n"
        "</annotation>\n"
    )
    for number, name in enumerate("ab"):
        put(tmp_path / f"source/{name}.png", number, None)
        (tmp_path / f"source/{name}.xml").write_text(text.replace(old, new) if name == "a" else text)
    assert len(made(tmp_path / "out", tmp_path / "source")) == 1
    problem = report(tmp_path / "out")[0]
    assert (problem["kind"], problem["line"]) == (kind, line)
    assert str(problem["file"]).endswith("source/a.xml")


def test_entities_in_xml_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "source/a.png", 1, None)
    put(tmp_path / "source/b.png", 2, None)
    bomb = '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa">]>\n<annotation><filename>&a;</filename></annotation>'
    (tmp_path / "source/a.xml").write_text(bomb)
    assert main(["data", str(tmp_path / "source"), "--out", str(tmp_path / "out")]) == 1

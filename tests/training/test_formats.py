"""YOLO, COCO and Pascal VOC folders as tools write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.errors import TrainingError
from training.formats import read
from training.formats.tree import Found, Shape
from training.problems import Problems

from .builders import GUN, put

BOX = (0.375, 0.25, 0.625, 0.75)


def found(folder: Path) -> dict[str, Found]:
    problems = Problems()
    pictures = {str(picture.picture.relative_to(folder)): picture for picture in read(folder, ("gun",), problems)}
    assert not list(problems)
    return pictures


def test_yolo_with_images_beside_labels_in_splits(tmp_path: Path) -> None:
    for file in ("train/images/a.png", "images/val/b.png", "test2017/images/c.png", "images/d.png"):
        put(tmp_path / file, 1)
    pictures = found(tmp_path)
    assert {name: picture.split for name, picture in pictures.items()} == {
        "train/images/a.png": "train",
        "images/val/b.png": "valid",
        "test2017/images/c.png": "test",
        "images/d.png": None,
    }
    assert all(picture.shapes == (Shape("gun", 1, BOX),) for picture in pictures.values())


def test_yolo_as_roboflow_exports_it(tmp_path: Path) -> None:
    put(tmp_path / "train/images/a.png", 1, "1 0.5 0.5 0.25 0.5\n")
    put(tmp_path / "valid/images/b.png", 2, "")
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnames: [knife, pistol]\n")
    pictures = found(tmp_path)
    assert pictures["train/images/a.png"].shapes == (Shape("pistol", 1, BOX),)
    assert pictures["valid/images/b.png"].split == "valid"
    assert pictures["valid/images/b.png"].shapes == ()


def test_yolo_whose_splits_are_lists_of_files(tmp_path: Path) -> None:
    for name in "ab":
        put(tmp_path / f"images/{name}.png", 1)
    (tmp_path / "one.txt").write_text("./images/a.png\n")
    (tmp_path / "two.txt").write_text("images/b.png\n")
    (tmp_path / "data.yaml").write_text("train: one.txt\nval: [two.txt]\nnames: {0: gun}\n")
    assert {name: of.split for name, of in found(tmp_path).items()} == {
        "images/a.png": "train",
        "images/b.png": "valid",
    }


def test_yolo_flat_with_a_list_of_names(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", 1, None)
    (tmp_path / "a.txt").write_text(GUN)
    (tmp_path / "classes.txt").write_text("rifle\n")
    assert found(tmp_path)["a.jpg"].shapes == (Shape("rifle", 1, BOX),)


def test_a_picture_without_labels_is_told_from_one_with_none(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png", 1, "")
    put(tmp_path / "images/b.png", 2, None)
    assert {name: of.labels is None for name, of in found(tmp_path).items()} == {
        "images/a.png": False,
        "images/b.png": True,
    }


def coco(folder: Path, file: str, **changes: object) -> None:
    body = {
        "images": [{"id": 7, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [24, 12, 16, 24]}],
        "categories": [{"id": 3, "name": "gun"}],
        **changes,
    }
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(body))


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("valid/a.png", "valid/_annotations.coco.json"),
        ("images/val2017/a.png", "annotations/instances_val2017.json"),
        ("images/a.png", "annotations/valid.json"),
    ],
)
def test_coco_in_its_usual_places(tmp_path: Path, picture: str, labels: str) -> None:
    put(tmp_path / picture, 1, None)
    coco(tmp_path, labels)
    (of,) = found(tmp_path).values()
    assert (of.split, of.size, of.labels) == ("valid", (64, 48), tmp_path / labels)
    assert of.shapes == (Shape("gun", None, (24, 12, 40, 36), False, "annotation 1"),)


def test_coco_outlines_and_pictures_that_are_not_listed(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1, None)
    put(tmp_path / "b.png", 2, None)
    outline = [[24, 12, 40, 12, 40, 36], [30, 20, 31, 21, 30, 21]]
    coco(
        tmp_path,
        "all.json",
        annotations=[{"id": 1, "image_id": 7, "category_id": 3, "segmentation": outline}],
    )
    pictures = found(tmp_path)
    assert pictures["a.png"].shapes == (Shape("gun", None, (24, 12, 40, 36), True, "annotation 1"),)
    assert pictures["b.png"].labels is None


def test_coco_that_is_broken_is_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1, None)
    coco(tmp_path, "bad.json", categories={"3": "gun"})
    with pytest.raises(TrainingError, match=r"bad\.json is not COCO's: `categories`"):
        read(tmp_path, ("gun",), Problems())
    (tmp_path / "bad.json").write_text('{"images": [')
    with pytest.raises(TrainingError, match=r"bad\.json cannot be read"):
        read(tmp_path, ("gun",), Problems())


VOC = """<?xml version="1.0"?>
<annotation>
  <filename>{file}</filename>
  <size><width>64</width><height>48</height><depth>3</depth></size>
  <object>
    <name>gun</name>
    <bndbox><xmin>24</xmin><xmax>40</xmax><ymin>12</ymin><ymax>36</ymax></bndbox>
  </object>
</annotation>
"""


@pytest.mark.parametrize(
    ("picture", "labels"), [("train/a.png", "train/a.xml"), ("JPEGImages/a.png", "Annotations/a.xml")]
)
def test_voc_in_its_usual_places(tmp_path: Path, picture: str, labels: str) -> None:
    put(tmp_path / picture, 1, None)
    (tmp_path / labels).parent.mkdir(exist_ok=True)
    (tmp_path / labels).write_text(VOC.format(file="a.png"))
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("a\n")
    (of,) = found(tmp_path).values()
    assert (of.split, of.size) == ("train", (64, 48))
    assert of.shapes == (Shape("gun", 5, (24, 12, 40, 36)),)


def test_voc_that_names_another_file_goes_by_its_own_name(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1, None)
    (tmp_path / "a.xml").write_text(VOC.format(file="IMG_0001.JPG"))
    assert found(tmp_path)["a.png"].shapes


def test_a_label_cannot_lead_out_of_its_source(tmp_path: Path) -> None:
    put(tmp_path / "secret.png", 1, None)
    put(tmp_path / "source/b.png", 2, None)
    coco(tmp_path / "source", "all.json", images=[{"id": 7, "file_name": "../secret.png"}])
    assert [of.picture.name for of in read(tmp_path / "source", ("gun",), Problems())] == ["b.png"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has no pictures"):
        read(tmp_path, ("gun",), Problems())
    with pytest.raises(TrainingError, match="is not a folder"):
        read(tmp_path / "none", ("gun",), Problems())

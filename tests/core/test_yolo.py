"""YOLOv8 around its network, held to what Ultralytics itself computed (``tests/fixtures/reference``)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from server.core.frame import Picture
from server.core.geometry import Boxes, Letterbox, iou
from server.core.yolo import (
    MOST_DETECTIONS,
    check_shapes,
    decode,
    input_of_image,
    input_of_picture,
    labels_of,
    nms,
)

from .builders import FIXTURES, boxes_of, picture_of_rgb, random_picture, rgb_of, strided, upright_boxes

PICTURES = sorted(path.stem for path in (FIXTURES / "reference").glob("*.json"))

Raw = NDArray[np.float32]


# --- letterbox -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
def test_letterbox_geometry_is_that_of_ultralytics(name: str) -> None:
    reference = json.loads((FIXTURES / "reference" / f"{name}.json").read_text())
    expected = reference["letterbox"]
    box = Letterbox.fit(reference["width"], reference["height"], 640)
    assert (box.width, box.height) == (expected["width"], expected["height"])
    assert (box.inner_width, box.inner_height) == (expected["resized"]["width"], expected["resized"]["height"])
    assert (box.left, box.top) == (expected["pad"]["left"], expected["pad"]["top"])
    assert box.scale == expected["scale"]


@pytest.mark.parametrize("name", PICTURES)
def test_input_of_image_shows_what_ultralytics_shows(name: str) -> None:
    """Mean colour of each 32x32 cell, from 0 to 255: within 0.5, which is the rounding of one resize."""
    cells = np.load(FIXTURES / "reference" / "letterbox-cells.npz")[name]
    image, _ = input_of_image(rgb_of(name), 640)
    rows, columns = cells.shape[:2]
    assert image.shape == (rows * 32, columns * 32, 3)
    means = image.reshape(rows, 32, columns, 32, 3).astype(np.float64).mean(axis=(1, 3))
    np.testing.assert_allclose(means, cells, atol=0.5)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_in_yuv_makes_the_same_input(name: str) -> None:
    """Through yuv420p colours lose half their lines, and pixels move by the one that even offsets cost: means of 32x32
    cells differ by 3 of 255 in the middle and never by more than 12; the whole by less than 1."""
    rgb = rgb_of(name)
    picture = picture_of_rgb(rgb)
    direct, one = input_of_image(rgb[: picture.height, : picture.width], 640)
    through, other = input_of_picture(picture, 640)
    assert direct.shape == through.shape
    assert (other.left, other.top) == (one.left & ~1, one.top & ~1)
    rows, columns = direct.shape[0] // 32, direct.shape[1] // 32
    difference = direct.astype(np.float64) - through.astype(np.float64)
    cells = np.abs(difference.reshape(rows, 32, columns, 32, 3).mean(axis=(1, 3)))
    assert abs(difference.mean()) < 1
    assert np.median(cells) < 3
    assert cells.max() < 12


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([32, 64, 96]))
@settings(deadline=None)
def test_every_size_of_picture_makes_an_input(width: int, height: int, size: int) -> None:
    picture = strided(random_picture(width, height))
    image, box = input_of_picture(picture, size)
    assert image.shape == (box.height, box.width, 3)
    assert image.shape[0] % 32 == image.shape[1] % 32 == 0
    packed, _ = input_of_picture(picture.copy(), size)
    np.testing.assert_array_equal(image, packed)


@given(st.integers(1, 700), st.integers(1, 700))
@settings(deadline=None, max_examples=40)
def test_around_the_picture_is_the_grey_of_training(width: int, height: int) -> None:
    white = Picture.grey(width, height, 235)
    for image, box in (input_of_picture(white, 96), input_of_image(np.full((height, width, 3), 255, np.uint8), 96)):
        inside = np.zeros(image.shape[:2], np.bool_)
        inside[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width] = True
        assert (np.abs(image[~inside].astype(int) - 114) <= 1).all()
        assert (image[inside] >= 253).all()


def test_a_spot_stays_in_its_place() -> None:
    """A bright square in the picture is found at the same place in the input, and by the letterbox back again."""
    picture = Picture.grey(1000, 700, 16)
    picture.y[300:340, 600:660] = 235
    image, box = input_of_picture(picture, 640)
    rows, columns = np.nonzero(image[:, :, 0] > 180)
    corners = boxes_of((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    np.testing.assert_allclose(box.to_source(corners)[0], (600, 300, 660, 340), atol=1.6)


def test_a_small_thing_does_not_fall_between_the_samples() -> None:
    """A bright column of 2 px in a picture six times the model's size still shows."""
    picture = Picture.grey(3840, 2160, 16)
    for column in range(1801, 1807):
        picture.y[:, column : column + 2] = 235
        image, _ = input_of_picture(picture, 640)
        assert image[180, 295:307, 0].max() > 36
        picture.y[:, column : column + 2] = 16


# --- non-maximum suppression and decoding ----------------------------------------------------------------------------


def nms_cases() -> list[str]:
    with np.load(FIXTURES / "reference" / "nms.npz") as stored:
        return sorted(name.removesuffix(".raw") for name in stored if name.endswith(".raw"))


@pytest.mark.parametrize("name", nms_cases())
def test_suppression_is_that_of_ultralytics(name: str) -> None:
    """The same boxes are kept, none more and none fewer, best first; corners to 1e-3 px."""
    with np.load(FIXTURES / "reference" / "nms.npz") as stored:
        raw: Raw = stored[f"{name}.raw"][0]
        confidence, threshold, most = stored[f"{name}.settings"]
        kept = stored[f"{name}.kept"]
    wide = Letterbox(10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 0, 0, 1.0)
    shift = np.zeros_like(raw)
    shift[:2] = 1000  # so that boxes outside the picture are not cut off: the reference has them whole
    seen = decode(raw + shift, wide, float(confidence), float(threshold))
    count = int(most)
    rows = np.column_stack([seen.boxes - 1000, seen.scores, seen.classes])[:count]
    # Equal scores have no defined order: compare as sets there, else row by row.
    if len(set(kept[:, 4].tolist())) < len(kept):
        rows, kept = rows[np.lexsort(rows.T)], kept[np.lexsort(kept.T)]
    np.testing.assert_allclose(rows, kept, atol=1e-3)


def brute_nms(boxes: Boxes, scores: Raw, classes: NDArray[np.int32], threshold: float) -> list[int]:
    """As in the books, one pair at a time."""
    left = sorted(range(len(boxes)), key=lambda index: (-scores[index], index))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [
            other
            for other in left
            if classes[other] != classes[best] or iou(boxes[[best]], boxes[[other]])[0, 0] <= threshold
        ]
    return kept


@st.composite
def raw_outputs(draw: st.DrawFn) -> Raw:
    """(4 + classes, anchors) with overlapping boxes in quarters of a pixel."""
    classes = draw(st.integers(1, 3))
    rows = []
    for _ in range(draw(st.integers(1, 14))):
        centre = [draw(st.integers(100, 200)) / 4 for _ in range(2)]
        sides = [draw(st.integers(1, 40)) / 2 for _ in range(2)]
        scores = [draw(st.integers(0, 64)) / 64 for _ in range(classes)]
        rows.append([*centre, *sides, *scores])
    return np.array(rows, np.float32).T


PLAIN = Letterbox.fit(640, 640, 640)


@given(raw_outputs(), st.sampled_from([0.25, 0.5]), st.sampled_from([0.45, 0.6, 0.7]))
@settings(deadline=None)
def test_decode_is_what_brute_force_gives(raw: Raw, confidence: float, threshold: float) -> None:
    anchors = [
        (column[:2] - column[2:4] / 2, column[:2] + column[2:4] / 2, float(column[4:].max()), int(column[4:].argmax()))
        for column in raw.T
        if column[4:].max() > confidence
    ]
    boxes = boxes_of(*[[*first, *second] for first, second, _, _ in anchors])
    scores = np.array([anchor[2] for anchor in anchors], np.float32)
    classes = np.array([anchor[3] for anchor in anchors], np.int32)
    kept = brute_nms(boxes, scores, classes, threshold)
    seen = decode(raw, PLAIN, confidence, threshold)
    np.testing.assert_allclose(seen.boxes, boxes[kept], atol=1e-4)
    assert seen.scores.tolist() == scores[kept].tolist()
    assert seen.classes.tolist() == classes[kept].tolist()


@given(upright_boxes(most=12, largest=40), st.data())
@settings(deadline=None)
def test_nms_leaves_no_overlap_and_drops_no_box_without_one(boxes: Boxes, data: st.DataObject) -> None:
    scores = np.array([data.draw(st.integers(1, 99)) / 100 for _ in boxes], np.float32)
    classes = np.array([data.draw(st.integers(0, 1)) for _ in boxes], np.int32)
    threshold = data.draw(st.sampled_from([0.3, 0.6]))
    kept = nms(boxes, scores, classes, threshold)
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(scores[kept]) <= 0).all()
    overlap = iou(boxes, boxes)
    same = classes[:, None] == classes[None]
    np.fill_diagonal(same, val=False)
    among = overlap[np.ix_(kept, kept)] * same[np.ix_(kept, kept)]
    assert (among <= threshold + 1e-6).all()
    for gone in set(range(len(boxes))) - set(kept.tolist()):
        better = same[gone] & (overlap[gone] > threshold - 1e-6) & (scores >= scores[gone])
        assert better[kept].any()


def test_nms_keeps_at_most_so_many() -> None:
    count = MOST_DETECTIONS + 50
    boxes = boxes_of(*[(20 * n, 0, 20 * n + 10, 10) for n in range(count)])
    scores = np.linspace(0.3, 0.9, count).astype(np.float32)
    kept = nms(boxes, scores, np.zeros(count, np.int32), 0.6)
    assert kept.tolist() == list(range(count - 1, count - 1 - MOST_DETECTIONS, -1))


def test_nms_of_nothing() -> None:
    assert nms(boxes_of(), np.empty(0, np.float32), np.empty(0, np.int32), 0.5).tolist() == []


def test_a_score_at_the_threshold_is_not_enough() -> None:
    raw = np.array([[50, 50, 20, 20, 0.25], [90, 90, 20, 20, 0.2501]], np.float32).T
    assert decode(raw, PLAIN, 0.25).boxes.tolist() == [[80, 80, 100, 100]]
    assert len(decode(raw, PLAIN, 0.9)) == 0


def test_an_output_without_anchors() -> None:
    assert len(decode(np.empty((5, 0), np.float32), PLAIN)) == 0


def test_boxes_come_back_in_pixels_of_the_picture() -> None:
    box = Letterbox.fit(1280, 700, 640)
    assert (box.scale, box.left, box.top) == (0.5, 0, 1)
    raw = np.array([[320, 176, 100, 50, 0.9], [0, 0, 100, 100, 0.8]], np.float32).T
    assert decode(raw, box).boxes.tolist() == [[540, 300, 740, 400], [0, 0, 100, 98]]


# --- what a model says of itself -------------------------------------------------------------------------------------


def test_labels_of() -> None:
    assert labels_of("{0: 'gun'}") == ("gun",)
    assert labels_of("{1: 'knife', 0: 'gun'}") == ("gun", "knife")
    assert labels_of(str({0: "g" * 41})) == ("g" * 40,), "a database and a screen have a bound"


@pytest.mark.parametrize("names", ["", "gun", "['gun']", "{}", "{1: 'gun'}", "{'0': 'gun'}", "{0: 'a', 2: 'b'}", "{0:"])
def test_names_that_are_not_such_are_refused(names: str) -> None:
    with pytest.raises(ValueError, match="the names"):
        labels_of(names)


def test_names_are_not_run_as_code() -> None:
    with pytest.raises(ValueError, match="the names"):
        labels_of("{0: __import__('os').getcwd()}")


@pytest.mark.parametrize("image", [(-1, 3, -1, -1), (1, 3, -1, -1), (-1, -1, -1, -1)])
@pytest.mark.parametrize("output", [(-1, 5, -1), (1, -1, -1)])
def test_shapes_of_a_detector(image: tuple[int, ...], output: tuple[int, ...]) -> None:
    check_shapes([image], [output], 1)


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([], [(1, 5, -1)], "not one picture"),
        ([(1, 3, -1, -1)] * 2, [(1, 5, -1)], "not one picture"),
        ([(1, 1, -1, -1)], [(1, 5, -1)], "not one picture"),
        ([(1, 3, -1)], [(1, 5, -1)], "not one picture"),
        ([(1, 3, 640, 640)], [(1, 5, 8400)], "fixed at"),
        ([(1, 3, -1, 640)], [(1, 5, -1)], "fixed at"),
        ([(1, 3, -1, -1)], [(1, 84, -1)], r"not the \(1, 5, anchors\)"),
        ([(1, 3, -1, -1)], [(1, -1, 5)], r"it gives \(1, \?, 5\)"),
        ([(1, 3, -1, -1)], [(1, 300, 6)], r"not the \(1, 5, anchors\)"),
        ([(1, 3, -1, -1)], [(1, 5)], r"not the \(1, 5, anchors\)"),
        ([(1, 3, -1, -1)], [(1, 5, -1), (1, 32, -1, -1)], r"it gives \(1, 5, \?\) and \(1, 32, \?, \?\)"),
    ],
)
def test_other_shapes_are_refused(inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_shapes(inputs, outputs, 1)

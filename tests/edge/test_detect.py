"""Single pictures: the JSON answer, the annotated picture, and the first version's contract."""

from __future__ import annotations

import asyncio
import base64
import io

import aiohttp
import numpy as np
import pytest
from PIL import Image

from ..fixtures import bad_pictures
from ..support.media import file_of, gun_jpeg, plain_jpeg, rgb_of
from ..support.server import Answer, Client


def form_of(picture: bytes) -> aiohttp.FormData:
    """A multipart form as the first version's page sends it."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(picture), filename="picture.jpg", content_type="image/jpeg")
    return form


async def test_the_answer_has_the_shape_of_the_contract(client: Client) -> None:
    answer = await client.detect(gun_jpeg())
    body = answer.json()
    height, width = rgb_of(gun_jpeg()).shape[:2]
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert set(body) == {"model", "image", "detections", "timing_ms"}
    assert body["model"] == (await client.get("/api/v1/server")).json()["model"]["name"]
    assert body["image"] == {"width": width, "height": height}
    (gun,) = body["detections"]
    assert set(gun) == {"label", "confidence", "box"}
    assert gun["label"] == "gun"
    assert 0.5 < gun["confidence"] <= 1
    assert 0 <= gun["box"]["x1"] < gun["box"]["x2"] <= width
    assert 0 <= gun["box"]["y1"] < gun["box"]["y2"] <= height
    stages = body["timing_ms"]
    assert set(stages) == {"decode", "wait", "preprocess", "inference", "postprocess", "total"}
    assert all(value >= 0 for value in stages.values())
    assert stages["total"] >= stages["inference"] > 0


async def test_raw_and_form_get_the_same_answer(client: Client) -> None:
    """Within a pixel: after its first looks at a shape, OpenVINO rounds by a network compiled for that shape."""
    (raw,) = (await client.detect(gun_jpeg())).json()["detections"]
    (form,) = (await client.post("/api/v1/detect", data=form_of(gun_jpeg()))).json()["detections"]
    (octets,) = (await client.detect(gun_jpeg(), kind="application/octet-stream")).json()["detections"]
    for one in (form, octets):
        assert one["box"] == pytest.approx(raw["box"], abs=1)
        assert one["confidence"] == pytest.approx(raw["confidence"], abs=0.01)


async def test_nothing_seen_is_an_empty_list(client: Client) -> None:
    assert (await client.detect(plain_jpeg())).json()["detections"] == []


def check_annotated(jpeg: bytes, sent: bytes, box: dict[str, float]) -> None:
    """A JPEG of the same size as the picture sent, that differs on the box's edges and not far from it."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
    drawn, clean = rgb_of(jpeg).astype(int), rgb_of(sent).astype(int)
    assert drawn.shape == clean.shape
    differs = np.abs(drawn - clean).max(axis=2)
    x1, y1, x2, y2 = (round(box[side]) for side in ("x1", "y1", "x2", "y2"))
    middle = slice(x1 + (x2 - x1) // 3, x2 - (x2 - x1) // 3)
    assert differs[max(y2 - 3, 0) : y2 + 3, middle].max(axis=0).mean() > 60
    rows = slice(y1 + (y2 - y1) // 3, y2 - (y2 - y1) // 3)
    assert differs[rows, max(x1 - 3, 0) : x1 + 3].max(axis=1).mean() > 60
    assert np.median(differs[rows, middle]) < 12


@pytest.mark.parametrize("path", ["/api/v1/detect?annotate=jpeg", "/predict", "/api/predict"])
async def test_the_annotated_picture(client: Client, path: str) -> None:
    (gun,) = (await client.detect(gun_jpeg())).json()["detections"]
    answer = await client.post(path, data=form_of(gun_jpeg()))
    assert answer.status == 200
    if "annotate" in path:
        assert answer.headers["Content-Type"] == "image/jpeg"
        check_annotated(answer.body, gun_jpeg(), gun["box"])
    else:
        assert answer.headers["Content-Type"].startswith("text/plain")
        check_annotated(base64.b64decode(answer.text, validate=True), gun_jpeg(), gun["box"])


async def test_a_rotated_picture_is_annotated_upright(client: Client) -> None:
    answer = await client.detect(bad_pictures.rotated_jpeg(), "?annotate=jpeg")
    assert rgb_of(answer.body).shape == rgb_of(bad_pictures.upright_jpeg()).shape
    with Image.open(io.BytesIO(answer.body)) as picture:
        assert bad_pictures.EXIF_ORIENTATION not in picture.getexif()


async def test_boxes_lie_in_the_upright_picture(client: Client) -> None:
    upright = (await client.detect(bad_pictures.upright_jpeg())).json()
    rotated = (await client.detect(bad_pictures.rotated_jpeg())).json()
    assert rotated["image"] == upright["image"]
    for side, value in upright["detections"][0]["box"].items():
        assert rotated["detections"][0]["box"][side] == pytest.approx(value, abs=8)


async def test_about(client: Client) -> None:
    answer = await client.get("/api")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_confidence_is_the_lowest_score_reported(client: Client) -> None:
    (gun,) = (await client.detect(gun_jpeg())).json()["detections"]
    below, above = gun["confidence"] - 0.02, gun["confidence"] + 0.02
    assert len((await client.detect(gun_jpeg(), f"?confidence={below}")).json()["detections"]) == 1
    assert (await client.detect(gun_jpeg(), f"?confidence={above}")).json()["detections"] == []
    few = (await client.detect(gun_jpeg())).json()["detections"]
    many = (await client.detect(gun_jpeg(), "?confidence=0.01")).json()["detections"]
    assert len(many) >= len(few)
    assert [d["confidence"] for d in many] == sorted((d["confidence"] for d in many), reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        *("confidence=0", "confidence=1.5", "confidence=-1", "confidence=high", "confidence=nan", "confidence=inf"),
        *("confidence=", "annotate=png", "annotate=", "annotate=JPEG"),
    ],
)
async def test_invalid_parameters(client: Client, query: str) -> None:
    detail = (await client.detect(gun_jpeg(), f"?{query}")).problem("invalid-parameter", 400)
    assert query.split("=")[0] in detail


async def test_many_at_once_are_all_answered_or_told_to_come_again(client: Client) -> None:
    counted = await client.metric("vigie_pictures_total{answered}")
    answers = await asyncio.gather(*(client.detect(plain_jpeg()) for _ in range(40)))
    for answer in answers:
        if answer.status != 200:
            answer.problem("too-busy", 503)
    answered = sum(answer.status == 200 for answer in answers)
    assert answered >= 16
    assert await client.metric("vigie_pictures_total{answered}") == counted + answered


async def test_two_pictures_at_once_do_not_mix(client: Client) -> None:
    gun, nothing = gun_jpeg(), file_of(np.full((300, 500, 3), 60, np.uint8))

    async def looked(picture: bytes) -> Answer:
        return await client.detect(picture)

    answers = await asyncio.gather(*(looked(gun if index % 2 else nothing) for index in range(10)))
    for index, answer in enumerate(answers):
        assert len(answer.json()["detections"]) == index % 2

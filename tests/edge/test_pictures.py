"""Pictures that are broken, hostile or unusual, sent to a running server."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import resource
import struct
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import numpy as np
import pytest
from PIL import Image

from server.edge.pictures import decode_picture
from server.edge.problems import Problem

from ..fixtures import bad_pictures
from ..support.media import file_of, gun_jpeg, rgb_of
from ..support.server import Answer, Client

Make = Callable[[], bytes]

MOST_PIXELS = 50_000_000

REFUSED: list[tuple[Make, str, int, str]] = [
    (bad_pictures.not_a_picture, "not-a-picture", 415, "JPEG, PNG or WebP"),
    (bad_pictures.jpeg_in_name_only, "not-a-picture", 415, "JPEG, PNG or WebP"),
    (bad_pictures.still_gif, "not-a-picture", 415, "GIF"),
    (bad_pictures.empty, "picture-empty", 422, "0 bytes"),
    (bad_pictures.truncated_jpeg, "picture-truncated", 422, "cut off"),
    (bad_pictures.truncated_png, "picture-truncated", 422, "cut off"),
    (bad_pictures.animated_gif, "picture-animated", 422, "one still picture"),
    (bad_pictures.animated_webp, "picture-animated", 422, "one still picture"),
    (bad_pictures.animated_png, "picture-animated", 422, "one still picture"),
    (bad_pictures.huge_png_header, "picture-too-many-pixels", 413, "50 million"),
]

TAKEN: list[Make] = [
    bad_pictures.cmyk_jpeg,
    bad_pictures.grey_jpeg,
    bad_pictures.grey_16_bit_png,
    bad_pictures.alpha_png,
    bad_pictures.palette_png,
    bad_pictures.plain_png,
    bad_pictures.still_webp,
    bad_pictures.upright_jpeg,
    bad_pictures.rotated_jpeg,
]


def form_of(picture: bytes, field: str = "file") -> aiohttp.FormData:
    """A multipart form with one file in it."""
    form = aiohttp.FormData()
    form.add_field(field, io.BytesIO(picture), filename="picture.jpg", content_type="image/jpeg")
    return form


async def sent_raw(client: Client, picture: bytes) -> Answer:
    return await client.detect(picture)


async def sent_as_form(client: Client, picture: bytes) -> Answer:
    return await client.post("/api/v1/detect", data=form_of(picture))


async def sent_to_predict(client: Client, picture: bytes) -> Answer:
    return await client.post("/predict", data=form_of(picture))


WAYS = [sent_raw, sent_as_form, sent_to_predict]


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize(("make", "slug", "status", "says"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
async def test_refused(
    client: Client,
    send: Callable[[Client, bytes], AsyncIterator[Answer]],
    make: Make,
    slug: str,
    status: int,
    says: str,
) -> None:
    answer = await send(client, make())  # type: ignore[misc]
    assert says in answer.problem(slug, status)
    await client.is_well()


@pytest.mark.parametrize("make", TAKEN, ids=lambda make: make.__name__)
async def test_the_same_gun_is_seen_in_every_form(client: Client, make: Make) -> None:
    expected = (await client.detect(bad_pictures.upright_jpeg())).json()
    answer = (await client.detect(make())).json()
    assert answer["image"] == expected["image"]
    assert answer["detections"], "the gun is seen"
    for side, value in expected["detections"][0]["box"].items():
        # Without its colours, or a strip of it, the same gun has slightly other edges to the model.
        assert answer["detections"][0]["box"][side] == pytest.approx(value, abs=0.12 * answer["image"]["width"])


@pytest.mark.parametrize("make", [bad_pictures.one_pixel_png, bad_pictures.thin_png], ids=lambda make: make.__name__)
async def test_odd_sizes_are_looked_at(client: Client, make: Make) -> None:
    answer = (await client.detect(make())).json()
    assert answer["detections"] == []
    annotated = await client.detect(make(), "?annotate=jpeg")
    assert rgb_of(annotated.body).shape[:2] == (answer["image"]["height"], answer["image"]["width"])


def test_cmyk_is_decoded_as_its_colours() -> None:
    upright = decode_picture(bad_pictures.upright_jpeg(), MOST_PIXELS).astype(int)
    inks = decode_picture(bad_pictures.cmyk_jpeg(), MOST_PIXELS).astype(int)
    assert np.abs(upright - inks).mean() < 4


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped() -> None:
    with Image.open(io.BytesIO(bad_pictures.upright_jpeg())) as picture:
        grey = np.asarray(picture.convert("L"))
    rgb = decode_picture(bad_pictures.grey_16_bit_png(), MOST_PIXELS)
    assert (rgb == grey[:, :, None]).all()


def test_what_is_transparent_becomes_white() -> None:
    rgb = decode_picture(bad_pictures.alpha_png(), MOST_PIXELS)
    assert (rgb[:, : rgb.shape[1] // 10] == 255).all()
    upright = decode_picture(bad_pictures.upright_jpeg(), MOST_PIXELS)
    assert (rgb[:, rgb.shape[1] // 10 :] == upright[:, rgb.shape[1] // 10 :]).all()


def test_a_palette_with_a_transparent_colour() -> None:
    palette = Image.new("P", (4, 2), 0)
    palette.putpalette([200, 10, 10, 10, 200, 10])
    palette.putpixel((3, 1), 1)
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", transparency=0)
    rgb = decode_picture(buffer.getvalue(), MOST_PIXELS)
    assert tuple(rgb[0, 0]) == (255, 255, 255)
    assert tuple(rgb[1, 3]) == (10, 200, 10)


def test_one_bit_a_pixel() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.eye(8, dtype=bool)).save(buffer, "PNG")
    rgb = decode_picture(buffer.getvalue(), MOST_PIXELS)
    assert (rgb[:, :, 0] == np.eye(8) * 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255  # a mark in the upper left corner
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[bad_pictures.EXIF_ORIENTATION] = orientation
    data = file_of(np.ascontiguousarray(stored), "PNG", exif=exif.tobytes())
    assert (decode_picture(data, MOST_PIXELS) == upright).all()


def test_a_broken_orientation_note_is_passed_over() -> None:
    data = file_of(np.full((20, 30, 3), 90, np.uint8), exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff")
    assert decode_picture(data, MOST_PIXELS).shape == (20, 30, 3)


def test_cut_off_anywhere_it_is_a_problem_and_no_crash() -> None:
    for whole in (gun_jpeg(), bad_pictures.plain_png(), bad_pictures.still_webp()):
        for share in np.linspace(0.001, 0.95, 30):
            with pytest.raises(Problem) as caught:
                decode_picture(whole[: int(len(whole) * share)], MOST_PIXELS)
            assert caught.value.slug in ("not-a-picture", "picture-truncated", "picture-empty")


def test_noise_in_the_middle_is_a_problem_or_a_picture() -> None:
    noise = np.random.default_rng(3)
    for whole in (gun_jpeg(), bad_pictures.plain_png(), bad_pictures.still_webp(), bad_pictures.rotated_jpeg()):
        for _ in range(60):
            data = bytearray(whole)
            for at in noise.integers(0, len(data), 8):
                data[at] = noise.integers(0, 256)
            with contextlib.suppress(Problem):
                assert decode_picture(bytes(data), MOST_PIXELS).ndim == 3


def black_png(side: int, repeated: int) -> bytes:
    """A valid black RGB picture, square. Rows are compressed in blocks that repeat, for 2.7 GB take half a minute."""
    packer = zlib.compressobj(9)
    rows = bytes(side // repeated * (1 + 3 * side))
    begin = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
    size = len(rows) * repeated
    data = begin + again * (repeated - 1) + b"\x03\x00" + struct.pack(">HH", size % 65521, 1)  # Adler-32 of zeros
    parts = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return bad_pictures.PNG_SIGNATURE + b"".join(chunks)


async def test_900_million_pixels_cost_neither_time_nor_memory(client: Client) -> None:
    picture = black_png(30_000, 100)
    with Image.open(io.BytesIO(black_png(64, 2))) as small:  # the same way of making it gives a whole picture
        assert small.convert("L").getextrema() == (0, 0)
    assert 2_000_000 < len(picture) < 20_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    detail = (await client.detect(picture, kind="image/png")).problem("picture-too-many-pixels", 413)
    assert "50 million" in detail
    assert time.monotonic() - begun < 5
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, f"{grown} kB more at the peak"
    await client.is_well()


class Flood:
    """100 MB of body that is made as it is sent, and how much of it went out."""

    SIZE = 100_000_000

    def __init__(self, head: bytes = b"\xff\xd8\xff\xe0") -> None:
        self.sent = 0
        self._head = head

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body."""
        yield self._head
        piece = bytes(100_000)
        while self.sent < self.SIZE:
            yield piece
            self.sent += len(piece)


BOUNDARY = "vigie-test"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'.encode()


FLOODS = [
    ("/api/v1/detect", "image/jpeg", b"\xff\xd8\xff\xe0"),
    ("/api/v1/detect", f"multipart/form-data; boundary={BOUNDARY}", PART),
    ("/predict", f"multipart/form-data; boundary={BOUNDARY}", PART),
]


async def test_100_megabytes_are_refused_early(client: Client) -> None:
    """All at once: aiohttp keeps a connection for up to 10 s when a body was not read to its end."""
    tracemalloc.start()
    try:
        floods = [(flood, announced) for flood in FLOODS for announced in (True, False)]
        answers = await asyncio.gather(*(flood_with(client, *flood, announced) for flood, announced in floods))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for answer, sent in answers:
        assert "20 MB" in answer.problem("picture-too-large", 413)
        assert sent < 45_000_000, "the rest was not waited for"
    assert peak < 6 * 50_000_000
    await client.is_well()


async def flood_with(client: Client, path: str, kind: str, head: bytes, announced: bool) -> tuple[Answer, int]:
    """Send 100 MB; gives the answer, and how much was sent until it came."""
    flood = Flood(head)
    headers = {"Content-Type": kind}
    if announced:
        headers["Content-Length"] = str(len(head) + flood.SIZE)
    return await poured(client, path, headers, flood), flood.sent


async def poured(client: Client, path: str, headers: dict[str, str], flood: Flood) -> Answer:
    """The answer, read while the body still goes out, as curl and browsers do."""
    host, port = client.server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", *(f"{name}: {value}" for name, value in headers.items())]
    chunked = "Content-Length" not in headers
    writer.write("\r\n".join([*lines, *(["Transfer-Encoding: chunked"] if chunked else []), "", ""]).encode())

    async def pour() -> None:
        async for piece in flood.chunks():
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()

    pouring = asyncio.create_task(pour())
    try:
        async with asyncio.timeout(60):
            status = int((await reader.readline()).split()[1])
            found = {}
            while line := (await reader.readline()).strip():
                name, _, value = line.decode().partition(": ")
                found[name] = value
            return Answer(status, found, await reader.readexactly(int(found["Content-Length"])))
    finally:
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_just_under_the_limit_is_read(client: Client) -> None:
    padded = gun_jpeg() + bytes(20_000_000 - len(gun_jpeg()))
    assert (await client.detect(padded)).status == 200
    assert (await client.post("/api/v1/detect", data=form_of(padded))).status == 200


async def test_a_compressed_body_is_bounded_by_what_it_unpacks_to(client: Client) -> None:
    bomb = gzip.compress(bytes(60_000_000))
    headers = {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"}
    answer = await client.post("/api/v1/detect", data=bomb, headers=headers)
    answer.problem("picture-too-large", 413)
    await client.is_well()


async def test_missing_field(client: Client) -> None:
    for path in ("/api/v1/detect", "/predict", "/api/predict"):
        answer = await client.post(path, data=form_of(gun_jpeg(), "picture"))
        assert "'file'" in answer.problem("missing-file", 400)


async def test_other_fields_before_the_picture_are_passed_over(client: Client) -> None:
    form = aiohttp.FormData()
    form.add_field("comment", "look at this", content_type="text/plain")
    form.add_field("file", gun_jpeg(), filename="a.jpg")
    assert (await client.post("/api/v1/detect", data=form)).json()["detections"]


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "video/mp4", "application/x-www-form-urlencoded"])
async def test_wrong_content_type(client: Client, kind: str) -> None:
    (await client.detect(gun_jpeg(), kind=kind)).problem("unsupported-content-type", 415)


async def test_predict_takes_forms_only(client: Client) -> None:
    answer = await client.post("/predict", data=gun_jpeg(), headers={"Content-Type": "image/jpeg"})
    answer.problem("unsupported-content-type", 415)


@pytest.mark.parametrize(
    "body",
    [b"", b"nothing of the kind", PART, b"--" + BOUNDARY.encode() + b"--\r\n", b"\r\n" * 100],
    ids=["empty", "no boundary", "head only", "no part", "line breaks"],
)
async def test_malformed_forms(client: Client, body: bytes) -> None:
    answer = await client.post(
        "/api/v1/detect", data=body, headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    )
    assert answer.status in (400, 422), answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    await client.is_well()


async def test_a_form_without_a_boundary(client: Client) -> None:
    answer = await client.post("/api/v1/detect", data=b"x", headers={"Content-Type": "multipart/form-data"})
    answer.problem("malformed-request", 400)


async def test_a_client_that_vanishes_while_sending(client: Client) -> None:
    host, port = client.server.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v1/detect HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: 5000\r\n\r\nab"
    )
    await writer.drain()
    transport = writer.transport
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()
    await client.is_well()

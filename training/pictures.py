"""Picture files: checked to their last byte, measured, and made plain where they are of another kind."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from server.edge.pictures import upright_rgb

from .problems import Kind

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".mpo")

MOST_BYTES = 100_000_000
MOST_PIXELS = 50_000_000
"""Known from the header, before a pixel is decoded: a file of a few bytes may claim to hold gigabytes."""

LEAST_SIDE = 10
"""Ultralytics takes none with fewer pixels."""

THUMB = 32
ORIENTATION = 0x0112
END_OF_JPEG = b"\xff\xd9"
PNG_DEPTH = 24
"""Where a PNG file says how many bits a channel has: Pillow does not tell."""

QUALITY = 95


class BadPicture(Exception):
    """A picture that cannot be used."""

    def __init__(self, kind: Kind, what: str) -> None:
        super().__init__(what)
        self.kind = kind


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A picture that can be used. ``width`` and ``height`` in pixels, upright. ``thumb``: (32, 32) float32, grey, 0 to
    255. ``data``: its content where the file's own will not do, for the reason in ``rewritten``. ``suffix``: .jpg or
    .png."""

    width: int
    height: int
    sha256: str
    thumb: NDArray[np.float32]
    suffix: str
    data: bytes | None
    rewritten: str | None


def check_picture(path: Path) -> Checked:
    """Read a picture. Raises :class:`BadPicture`."""
    try:
        if not path.is_file():
            raise BadPicture(Kind.NO_PICTURE_FILE, "no file, or a link to none")
        if path.stat().st_size > MOST_BYTES:
            raise BadPicture(Kind.TOO_LARGE, f"more than {MOST_BYTES / 1e6:g} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BadPicture(Kind.NO_PICTURE_FILE, f"cannot be read: {error.strerror}") from error
    if not data:
        raise BadPicture(Kind.EMPTY_FILE, "0 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures and odd metadata; the limits are ours
            return _checked(data)
    except UnidentifiedImageError as error:
        raise BadPicture(Kind.NO_PICTURE_FILE, f"none of {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise BadPicture(Kind.TOO_LARGE, f"more than {MOST_PIXELS / 1e6:g} million pixels") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, zlib.error) as error:
        raise BadPicture(Kind.TRUNCATED, str(error)) from error


def _checked(data: bytes) -> Checked:
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise BadPicture(Kind.TOO_LARGE, f"{width} x {height}: more than {MOST_PIXELS / 1e6:g} million pixels")
        if min(width, height) < LEAST_SIDE:
            raise BadPicture(Kind.TOO_SMALL, f"{width} x {height}: a side has fewer than {LEAST_SIDE} pixels")
        orientation = picture.getexif().get(ORIENTATION, 1)
        reason = _odd(picture, orientation, data)
        suffix = ".jpg" if picture.format in ("JPEG", "MPO") else ".png"
        if reason:
            picture.seek(0)
            rgb = upright_rgb(picture)
            new = _encoded(rgb, suffix)
            return Checked(*rgb.size, _sha256(new), _thumb(rgb), suffix, new, reason)
        # A JPEG is decoded at an eighth to a half of its size where that is enough, but read to its end.
        picture.draft("L", (2 * THUMB, 2 * THUMB))
        picture.load()
        thumb = _thumb(picture)
        end = data.rfind(END_OF_JPEG) + len(END_OF_JPEG) if suffix == ".jpg" else len(data)
    # Ultralytics compresses a JPEG anew, with loss, when something follows its end: cut off before, nothing is lost.
    if len(END_OF_JPEG) <= end < len(data):
        return Checked(width, height, _sha256(data[:end]), thumb, suffix, data[:end], "bytes after its end")
    return Checked(width, height, _sha256(data), thumb, suffix, None, None)


def _odd(picture: Image.Image, orientation: int, data: bytes) -> str | None:
    """What makes a picture one that not all readers show alike."""
    if picture.format not in ("JPEG", "PNG"):
        return str(picture.format)
    if getattr(picture, "is_animated", False):
        return "animated: its first picture is taken"
    if orientation in range(2, 9):
        return "turned by its EXIF orientation"
    if picture.format == "PNG" and data[PNG_DEPTH] == 16:
        return "16 bits a channel"
    if picture.mode not in ("RGB", "L") or "transparency" in picture.info:
        return f"colours as {picture.mode}"
    return None


def _encoded(rgb: Image.Image, suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".jpg":
        rgb.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    else:
        rgb.save(buffer, "PNG")
    return buffer.getvalue()


def _thumb(picture: Image.Image) -> NDArray[np.float32]:
    return np.asarray(picture.convert("L").resize((THUMB, THUMB), Image.Resampling.BOX), np.float32)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Still pictures in and out, bounded before they are decoded."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .problems import Problem

FORMATS = ("JPEG", "PNG", "WEBP")
JPEG_QUALITY = 90

Rgb = NDArray[np.uint8]


def decode_picture(data: bytes, most_pixels: int) -> Rgb:
    """A JPEG, PNG or WebP file -> upright RGB (H, W, 3) uint8. Raises :class:`Problem` for anything else.

    Grey, 16-bit, CMYK and palette pictures are turned into RGB; what is transparent becomes white.
    """
    if not data:
        raise Problem("picture-empty", 422, "The picture has 0 bytes. Send a JPEG, PNG or WebP file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; the limit below is ours
            picture = Image.open(io.BytesIO(data), formats=[*FORMATS, "GIF"])
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, Image.DecompressionBombError):
            raise _too_many_pixels(most_pixels) from error
        raise Problem(
            "not-a-picture", 415, "This is not a picture Vigie can read. Send a JPEG, PNG or WebP file."
        ) from error
    with picture:
        if picture.width * picture.height > most_pixels:
            raise _too_many_pixels(most_pixels, picture.size)
        if getattr(picture, "is_animated", False):
            raise Problem("picture-animated", 422, "The picture is animated. Send one still picture.")
        if picture.format == "GIF":
            raise Problem("not-a-picture", 415, "GIF is not accepted. Send a JPEG, PNG or WebP file.")
        try:
            return np.array(upright_rgb(picture), np.uint8)
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise Problem(
                "picture-truncated", 422, "The picture is broken or cut off, so it cannot be read to its end."
            ) from error


def _too_many_pixels(most: int, size: tuple[int, int] | None = None) -> Problem:
    has = f"The picture has {size[0]} x {size[1]} pixels" if size else "The picture has too many pixels"
    return Problem(
        "picture-too-many-pixels",
        413,
        f"{has}; at most {most / 1e6:g} million are accepted. Send a smaller one.",
    )


def upright_rgb(picture: Image.Image) -> Image.Image:
    """A picture as it is to be seen: turned as its EXIF data say, in 8-bit RGB, what is transparent white."""
    upright: Image.Image = ImageOps.exif_transpose(picture) or picture
    if upright.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip and not scale
        wide = np.asarray(upright, np.int64)
        upright = Image.fromarray(np.clip(wide >> 8, 0, 255).astype(np.uint8))
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        ground = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(ground, upright)
    return upright.convert("RGB")


def encode_jpeg(rgb: Rgb) -> bytes:
    """RGB (H, W, 3) uint8 -> a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG file claims, read from its header alone; None when it is no JPEG."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None

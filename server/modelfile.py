"""A model's file: its name by its content, and what can be known of it before any runtime reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .core.onnxfile import OnnxFacts, read_facts
from .plugins import ModelError

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""How files that PyTorch writes begin."""


def sha256_of(path: Path) -> str:
    """The id of a model. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts_of(path: Path) -> OnnxFacts:
    """What an ONNX file says of itself. Raises :class:`ModelError`, with a sentence that begins with its name."""
    try:
        return read_facts(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"{path.name} cannot be read as an ONNX model: {reason}.") from None


def look_through(path: Path) -> OnnxFacts:
    """:func:`facts_of` a file from somebody else, which may only be what it has to be: raises :class:`ModelError` for
    code, for one that reads other files, and for operators that no standard has."""
    with path.open("rb") as file:
        begin = file.read(len(ZIP))
    if begin == ZIP or begin[:1] == PICKLE:
        raise ModelError(
            "This is a file of PyTorch, which is code that runs when it is opened. Only ONNX is taken: export it, for "
            "example with `yolo export format=onnx dynamic=True`."
        )
    facts = facts_of(path)
    if facts.external:
        raise ModelError("A part of this model lies in another file. Export it as one single file.")
    if facts.custom_domains:
        raise ModelError(
            f"It has operators of {', '.join(facts.custom_domains)[:200]}, which standard ONNX does not have."
        )
    if "names" not in facts.metadata:
        raise ModelError("It names no classes: export it with Ultralytics, or write the entry 'names' into it.")
    return facts

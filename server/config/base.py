"""What the sections of the settings share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from ..urls import split_credentials

BUNDLED_MODEL = Path(__file__).resolve().parent.parent.parent / "models" / "gun-yolov8n.onnx"


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with the settings. It never holds a value, which may be a secret."""

    name: str
    what: str
    file: Path | None
    line: int | None = None
    hint: str = ""
    origin: str = ""

    def __str__(self) -> str:
        place = f" ({self.file}, line {self.line})" if self.file else f" ({self.origin})" if self.origin else ""
        return f"{self.name}: {self.what}{place}" + (f"; {self.hint}" if self.hint else "")


class ConfigError(Exception):
    """The settings are wrong; the message names each mistake."""

    mistakes: Sequence[Mistake] = ()

    @classmethod
    def of(cls, title: str, mistakes: Sequence[Mistake]) -> Self:
        """One that names these."""
        error = cls(f"{title}:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
        error.mistakes = mistakes
        return error


class Section(BaseModel):
    """A part of the settings; an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Polygon = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3, max_length=64)]
"""At least three points (x, y), as fractions of the width and the height of the picture."""

Label = Annotated[str, Field(min_length=1, max_length=40)]


def credentials_apart(values: Any) -> Any:
    """Settings with a URL, its user and password taken out of it; what is given apart stands over those."""
    if not isinstance(values, dict) or not isinstance(values.get("url"), str):
        return values
    url, username, password = split_credentials(values["url"].strip())
    if username is None:
        return {**values, "url": url}
    given = {key: values[key] for key in ("username", "password") if values.get(key) is not None}
    return {**values, "url": url, "username": username, "password": password, **given}

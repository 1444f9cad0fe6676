"""What is known of each set of pictures: licence, origin, and which of its pictures belong together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .errors import TrainingError
from .problems import shown

NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
PREFIX = re.compile(r"([a-z0-9]+(?:-negative)?)-", re.IGNORECASE)
FILE = "sources.yaml"
SOURCES = "sources.json"
"""The same in a data set that was made of them, with what came of each."""


def _pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if groups != 1:
        raise ValueError("must have one group, in parentheses: what it holds names the clip")
    return text


class SetNotes(BaseModel):
    """What a person says of a set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    licence: str = Field("not stated", description="As its publisher states it.")
    origin: str = Field("not stated", description="Who made it, and where it is from.")
    redistribute: Literal["yes", "credit", "no"] = Field("no", description="Whether a picture may be passed on.")
    notes: str = Field("", description="What else to know: gaps, doubts.")
    group: Annotated[str, AfterValidator(_pattern)] | None = Field(
        None, description="Found in file names; pictures in which its group holds the same are of one clip."
    )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sets: dict[str, SetNotes]


@dataclass(frozen=True, slots=True)
class Notes:
    """All sets that are described, by name."""

    sets: Mapping[str, SetNotes]

    def of(self, name: str) -> SetNotes:
        """What is known of a set: little, where it is not described."""
        return self.sets.get(name, SetNotes())

    def set_of(self, file_name: str, source: str, by_prefix: bool) -> str:
        """The set of a picture: that whose name its file name begins with, or, ``by_prefix``, what is before the first
        hyphen (with ``-negative`` where that follows); else its source's."""
        described = [name for name in self.sets if file_name.startswith(f"{name}-")]
        if described:
            return max(described, key=len)
        match = PREFIX.match(file_name) if by_prefix else None
        return match[1].lower() if match else source

    def clip_of(self, set_name: str, file_name: str) -> tuple[str, str] | None:
        """The clip that a picture is a frame of, None where it is of none."""
        pattern = self.of(set_name).group
        match = re.search(pattern, file_name) if pattern else None
        return (set_name, match[1]) if match and match[1] is not None else None


def read_notes(path: Path) -> dict[str, SetNotes]:
    """The sets in a file. Raises TrainingError."""
    try:
        body = yaml.safe_load(path.read_text("utf-8"))
        sets = _File.model_validate(body).sets
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TrainingError(f"{shown(path)} cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"{shown(path)}: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}.") from error
    for name in sets:
        if not NAME.fullmatch(name):
            raise TrainingError(f"{shown(path)}: the set {name!r} needs a name of small letters, digits and hyphens.")
    return sets


def own_notes(folder: Path) -> dict[str, SetNotes]:
    """What a source says of itself, be it a data set that was made here. Raises TrainingError."""
    if (folder / FILE).is_file():
        return read_notes(folder / FILE)
    if not (folder / SOURCES).is_file():
        return {}
    try:
        body = json.loads((folder / SOURCES).read_text("utf-8"))
        known = SetNotes.model_fields
        return {of["name"]: SetNotes(**{key: of[key] for key in known if key in of}) for of in body}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{shown(folder / SOURCES)} cannot be read: {error}") from error


def named(text: str) -> str:
    """The name of a set that a word can be made into."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "pictures"

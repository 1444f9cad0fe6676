"""How a detector is trained: every choice of a run, with its default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import TrainingError


class Recipe(BaseModel):
    """Sizes are pixels of the network's square input in training; sets are those of the data set's index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(640, ge=64, le=2048, multiple_of=32, description="Side of the input.")
    epochs: int = Field(20, ge=1, le=10_000, description="A checkpoint is kept after each.")
    epoch_pictures: int = Field(2000, ge=8, description="Pictures drawn for an epoch: a kill costs one at the most.")
    hours: float | None = Field(None, gt=0, description="Time limit; the learning rate falls to its end within it.")
    batch: int = Field(16, ge=1, le=1024)
    freeze: int = Field(0, ge=0, le=21, description="Layers kept as they are: 10 is the whole backbone of YOLOv8.")
    learning_rate: float = Field(0.001, gt=0, lt=1, description="Of AdamW, at its highest.")
    last_learning_rate: float = Field(0.02, gt=0, le=1, description="Share of it at the end of the cosine.")
    weight_decay: float = Field(0.0005, ge=0, lt=1)
    warmup_epochs: float = Field(1.0, ge=0)
    seed: int = 0
    mosaic: float = Field(0.5, ge=0, le=1, description="Share of pictures that are put together of four.")
    close_mosaic: int = Field(3, ge=0, description="Epochs at the end without mosaics.")
    scale: float = Field(0.5, ge=0, lt=1, description="Pictures are scaled by 1 - this to 1 + this.")
    degrees: float = Field(5.0, ge=0, le=180)
    translate: float = Field(0.1, ge=0, le=1)
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="How often a picture of a set is drawn, against 1 for sets not named."
    )
    pastes: float = Field(0.5, ge=0, le=1, description="Share of gun-free pictures that get things pasted in.")
    gun_cutouts: tuple[str, ...] = Field((), description="Folders below --cutouts with guns on transparent ground.")
    other_cutouts: tuple[str, ...] = Field((), description="... with things that are no guns.")
    cut_guns_from: tuple[str, ...] = Field((), description="Sets whose guns on white are cut out and pasted too.")
    cut_others_from: tuple[str, ...] = Field((), description="Gun-free sets whose things on white are.")
    degrade: float = Field(0.5, ge=0, le=1, description="Share of pictures made worse, as cameras do.")
    watch_pictures: int = Field(300, ge=1, description="Of the valid split, looked at after each epoch.")


def read_recipe(path: Path | None, changes: list[str]) -> Recipe:
    """A recipe from a YAML file, or the defaults, with changes ``key=value`` (values as in YAML) on top."""
    try:
        values: Any = yaml.safe_load(path.read_text("utf-8")) if path else {}
        if not isinstance(values or {}, dict):
            raise TrainingError(f"{path} is not a recipe: it must be a list of names and values.")
        values = dict(values or {})
        for change in changes:
            key, equals, value = change.partition("=")
            if not equals:
                raise TrainingError(f"{change!r} changes nothing: write it as NAME=VALUE.")
            values[key] = yaml.safe_load(value)
        return Recipe(**values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TrainingError(f"{path or changes} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error

"""Reads the settings, and says of each where it comes from and of each mistake where it stands."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from .base import ConfigError, Mistake
from .settings import Settings

PREFIX = "VIGIE_"
USUAL_FILE = Path("vigie.yaml")
Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force. ``origins``: of each that is not the default, by its dotted name, where it comes from;
    ``strangers``: variables of the environment that look like settings and are none."""

    settings: Settings
    origins: Mapping[str, str]
    strangers: Sequence[Mistake] = ()

    def origin(self, name: str) -> str:
        """Where a setting comes from: itself, or what holds it."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            if found := self.origins.get(".".join(parts[:length])):
                return found
        return "default"


def settings_file(given: Path | None) -> Path | None:
    """The file that is read: the one given, else ``vigie.yaml`` where there is one."""
    return given or (USUAL_FILE if USUAL_FILE.is_file() else None)


def load_settings(path: Path | None, **given: Any) -> Settings:
    """Read the settings; ``given`` are those of the command line. Raises :class:`ConfigError` naming every mistake."""
    return read_settings(path, given).settings


def read_settings(path: Path | None, given: Mapping[str, Any]) -> Loaded:
    """The same, with where each comes from."""
    lines, values, mistakes = _read(path) if path else ({}, {}, [])
    origins = {dotted(where): f"{path}, line {line}" for where, line in lines.items()}
    origins |= {dotted(where): variable for where, variable in _environment()}
    origins |= {dotted(where): "command line" for where in _leaves(given)}
    bound = type("Settings", (Settings,), {"file_values": values, "__module__": Settings.__module__})
    try:
        settings = bound(**given)
    except ValidationError as error:
        mistakes += [_mistake(dict(found), origins, path, lines) for found in error.errors()]
    except SettingsError as error:  # an environment value that is not JSON; the text names the setting, not the value
        mistakes.append(Mistake("environment", str(error), None))
    if mistakes:
        raise ConfigError.of("The settings are wrong", mistakes)
    assert isinstance(settings, Settings)
    return Loaded(settings, origins, _strangers())


def dotted(where: Where) -> str:
    """``("cameras", 0, "url")`` as ``cameras.0.url``."""
    return ".".join(str(part) for part in where)


def variable_of(name: str) -> str:
    """The environment's name of a setting."""
    return PREFIX + name.replace(".", "__").upper()


def sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The parts of the settings that have parts of their own."""
    found = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def _read(path: Path) -> tuple[dict[Where, int], dict[str, Any], list[Mistake]]:
    """The line of everything in the file, its values, and keys that are given twice."""
    if not path.is_file():
        raise ConfigError(f"There is no settings file {path}.")
    try:
        text = path.read_text("utf-8")
        tree = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text) if tree else {}
    except yaml.MarkedYAMLError as error:  # not the error's own text, which quotes the line: there may be a password
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError.of("The settings cannot be read", [Mistake("file", f"{error.problem}", path, line)]) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "it is no YAML text in UTF-8"
        raise ConfigError(f"The settings cannot be read: {path}: {reason}.") from None
    if not isinstance(values, dict):
        raise ConfigError.of("The settings are wrong", [Mistake("settings", "a file has lines NAME: VALUE", path, 1)])
    lines: dict[Where, int] = {}
    twice: list[Mistake] = []
    for where, line in _lines(tree, ()):
        if where in lines:
            twice.append(Mistake(dotted(where), f"is given twice, first in line {lines[where]}", path, line))
        lines[where] = line
    return lines, {str(name): value for name, value in values.items() if value is not None}, twice


def _lines(node: yaml.Node | None, where: Where) -> Iterator[tuple[Where, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            at = (*where, str(key.value))
            yield at, key.start_mark.line + 1
            yield from _lines(value, at)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*where, number), value.start_mark.line + 1
            yield from _lines(value, (*where, number))


def _leaves(given: Mapping[str, Any], where: Where = ()) -> Iterator[Where]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*where, name))
        else:
            yield (*where, name)


def _environment() -> Iterator[tuple[Where, str]]:
    for variable in sorted(os.environ):
        if variable.upper().startswith(PREFIX):
            yield tuple(variable[len(PREFIX) :].lower().split("__")), variable


def _strangers() -> list[Mistake]:
    """Variables that nothing reads. Kubernetes makes such for a service named vigie, so that they stop no start."""
    names = [variable_of(name) for name in Settings.model_fields]
    names += [variable_of(f"{name}.{part}") for name, kind in sections(Settings).items() for part in kind.model_fields]
    return [
        Mistake(variable, "there is no such setting", None, hint=_meant(variable.upper(), names))
        for where, variable in _environment()
        if where[0] not in Settings.model_fields
    ]


def _mistake(error: dict[str, Any], origins: Mapping[str, str], path: Path | None, lines: dict[Where, int]) -> Mistake:
    where: Where = tuple(error["loc"])
    what = str(error["msg"]).removeprefix("Value error, ")
    hint = ""
    if error["type"] == "extra_forbidden":
        what, hint = "there is no such setting", _meant(str(where[-1]), _siblings(where))
    name = dotted(where) or "settings"
    for length in range(len(where), 0, -1):
        at = where[:length]
        origin = origins.get(dotted(at), "")
        if origin and at in lines and origin.endswith(f"line {lines[at]}"):
            return Mistake(name, what, path, lines[at], hint)
        if origin:
            return Mistake(name, what, None, hint=hint, origin=origin)
    return Mistake(name, what, None, hint=hint)


def _siblings(where: Where) -> list[str]:
    """The settings that could stand where this one does."""
    model: type[BaseModel] | None = Settings
    for part in where[:-1]:
        if model and isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _meant(name: str, known: Sequence[str]) -> str:
    elsewhere = [f"{section}.{name}" for section, kind in sections(Settings).items() if name in kind.model_fields]
    close = elsewhere or difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else ""

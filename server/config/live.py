"""Which settings change while Vigie runs, and which did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr

from ..urls import redacted
from .settings import Settings

LIVE = (
    "log_level",
    "policy",
    "limits",
    "ice",
    "detector.look_rate",
    "detector.suspicious_rate",
    "webhooks.most",
    "webhooks.at_a_time",
)
"""These, and what is in them. Sessions that are open keep what they began with. All others need a restart."""


def is_live(name: str) -> bool:
    """Whether a setting, by its dotted name, can change while Vigie runs."""
    return any(name == live or name.startswith(f"{live}.") for live in LIVE)


def flat(settings: BaseModel) -> dict[str, Any]:
    """The value of every setting by its dotted name; of cameras, of each by its number."""
    return dict(_flat("", settings))


def changed(old: Settings, new: Settings) -> tuple[list[str], list[str]]:
    """What differs: the settings that can change while Vigie runs, and those that need a restart."""
    before, after = flat(old), flat(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [name for name in names if is_live(name)], [name for name in names if not is_live(name)]


def with_live(old: Settings, new: Settings) -> Settings:
    """The old settings with what can change taken from the new ones."""
    update: dict[str, Any] = {}
    for live in LIVE:
        section, _, part = live.partition(".")
        if part:
            held = update.get(section, getattr(old, section))
            update[section] = held.model_copy(update={part: getattr(getattr(new, section), part)})
        else:
            update[section] = getattr(new, section)
    return old.model_copy(update=update)


def shown(value: Any) -> str:
    """A value as it may be printed: no secret, no user and password of a URL."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return "(hidden)"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(shown(part) for part in value) + "]"
    text = redacted(str(value)) if "://" in str(value) else str(value)
    return "".join(sign if sign.isprintable() else "?" for sign in text) or '""'


def _flat(prefix: str, section: BaseModel) -> Iterator[tuple[str, Any]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _flat(f"{prefix}{name}.", value)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, part in enumerate(value):
                yield from _flat(f"{prefix}{name}.{number}.", part)
        else:
            yield f"{prefix}{name}", value

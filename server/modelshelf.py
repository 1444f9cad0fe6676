"""The models that came by the API: their files in the data folder, and what is known of each."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .config import ConfigError
from .modelcheck import Checked

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered of a model. ``state`` is ``stored``, ``failed`` or ``rolled-back``, the last two with a
    ``reason``; the one in use is told by who uses it. ``added_at`` in unix seconds, None where it was not uploaded."""

    name: str = ""
    added_at: float | None = None
    state: str = "stored"
    reason: str | None = None
    checked: Checked | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The model chosen by the API. ``on_trial``: it had not stood its trial when this was written."""

    id: str
    on_trial: bool


class Shelf:
    """Files named ``SHA256.onnx`` and one ``models.json``. What is changed here is kept once :meth:`save` returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.choice: Choice | None = None
        """None: the model of the settings."""
        self._saving = threading.Lock()

    def open(self) -> None:
        """Read what there is, and clear what an upload that broke off left. Raises ConfigError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in self.folder.glob("*.part"):
                left.unlink(missing_ok=True)
            kept = self._read()
            self.entries = {id_: _entry(fields) for id_, fields in kept.get("models", {}).items()}
            self.choice = Choice(**kept["choice"]) if kept.get("choice") else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"The models kept in {self.folder} cannot be read ({type(error).__name__}). Mend models.json there, or "
                "move it away to begin without it."
            ) from error

    def path_of(self, id_: str) -> Path:
        """Where the file of an uploaded model is."""
        return self.folder / f"{id_}.onnx"

    def uploaded(self) -> list[str]:
        """The ids of those whose files are here."""
        return [
            id_ for id_, entry in self.entries.items() if entry.added_at is not None and self.path_of(id_).is_file()
        ]

    def save(self) -> None:
        """Write down the entries and the choice as they are now. Blocks; any thread may call. Raises OSError."""
        with self._saving:
            choice, entries = self.choice, dict(self.entries)
            content = {
                "version": VERSION,
                "choice": asdict(choice) if choice else None,
                "models": {id_: asdict(entry) for id_, entry in entries.items()},
            }
            new = self.folder / "models.json.part"
            with new.open("w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.folder / "models.json")

    def _read(self) -> dict[str, Any]:
        path = self.folder / "models.json"
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if kept.get("version", VERSION) != VERSION:
            raise ValueError("written by another version")
        assert isinstance(kept, dict)
        return kept


def _entry(fields: dict[str, Any]) -> Entry:
    checked = fields.get("checked")
    entry = Entry(**{**fields, "checked": None})
    if not checked:
        return entry
    return replace(
        entry, checked=Checked(**{**checked, "labels": tuple(checked["labels"]), "output": tuple(checked["output"])})
    )

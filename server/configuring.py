"""``python -m server config``: the settings in force, what is wrong with them, their schema."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .config import Loaded, read_settings, settings_file
from .config.live import flat, is_live, shown
from .config.schema import settings_schema


def run(arguments: Sequence[str]) -> None:
    """The command. Raises ConfigError, which names every mistake; strangers in the environment fail a check alone."""
    asked = _parser().parse_args(arguments)
    if asked.schema:
        print(json.dumps(settings_schema(), indent=2))
        return
    path = settings_file(asked.config)
    loaded = read_settings(path, {})
    if not asked.check:
        print("\n".join(lines_of(loaded)))
        return
    for stranger in loaded.strangers:
        print(f"vigie: {stranger}", file=sys.stderr)
    if loaded.strangers:
        sys.exit(1)
    print(f"The settings are right: {path or 'no file'} and the environment.")


def lines_of(loaded: Loaded) -> Iterator[str]:
    """``NAME: VALUE  # ORIGIN``; what needs no restart is marked."""
    rows = [(f"{name}: {shown(value)}", name) for name, value in flat(loaded.settings).items()]
    width = min(max(len(text) for text, _ in rows), 60)
    for text, name in rows:
        yield f"{text:{width}}  # {loaded.origin(name)}" + (", live" if is_live(name) else "")


def _parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m server config",
        description="Print the settings in force, with where each comes from. Secrets are hidden.",
    )
    options.add_argument("--config", type=Path, help="settings file; default ./vigie.yaml where there is one")
    what = options.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only say whether they are right; every mistake is named")
    what.add_argument("--schema", action="store_true", help="print a JSON Schema of vigie.yaml for editors")
    return options

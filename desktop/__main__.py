"""The command line: ``python -m desktop``. Its imports are absolute, since a packaged application begins here too."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from desktop.words import LANGUAGES
from server.config import ConfigError


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m desktop", description="Vigie on the desktop.")
    options.add_argument("paths", nargs="*", metavar="PATH", help="pictures or videos, or the address of one camera")
    options.add_argument("--config", type=Path, help="settings file of a server; default ./vigie.yaml if there is one")
    options.add_argument("--language", choices=sorted(LANGUAGES), help="for this time; the menu remembers one")
    return options


def main() -> int:
    """Run the application, or say in one sentence why not."""
    given = parser().parse_args()
    from desktop.app import run  # Qt is loaded when the options are right

    try:
        return run(given.paths, given.config, given.language)
    except ConfigError as error:
        print(f"vigie: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""The commands: ``python -m training data | fit | average | evaluate | export | harvest``."""

from __future__ import annotations

import argparse
import importlib
import sys

from .errors import TrainingError

COMMANDS = ("data", "fit", "average", "evaluate", "export", "harvest")


def main(words: list[str]) -> int:
    """Run one command; returns its exit code: 0 done, 1 could not be done, 2 asked wrongly."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Make a detector; docs/model.md is the guide."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only what was asked for is imported: PyTorch takes seconds, and some commands do without it.
    for name in COMMANDS:
        if words and words[0] in COMMANDS and words[0] != name:
            continue
        module = importlib.import_module(f"{__package__}.{name}")
        description = (module.__doc__ or "").strip()
        command = commands.add_parser(
            name,
            help=description.partition("\n")[0],
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except TrainingError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The command line: ``python -m benchmarks [names] [--quick]``."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from .report import lines_of, write_tables
from .results import QUICK_RESULTS, QUIET_CORES, RESULTS, Options, Unavailable, busy_cores, run_one, save

NAMES = (
    *("looks", "matmul", "overload", "glass", "streams", "viewers", "fleet", "recovery", "soak"),
    *("alerts", "listeners", "archive", "crashes"),
)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Vigie on this machine.")
    options.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"which: {', '.join(NAMES)}; default all")
    options.add_argument(
        "--quick",
        action="store_true",
        help="a short run to try the code; its figures go to data/benchmarks and not into the documentation",
    )
    options.add_argument(
        "--minutes",
        type=float,
        help="length of the long runs of glass, streams and soak; drift is judged by 10 of the first two",
    )
    options.add_argument("--pt", type=Path, help="looks: PyTorch weights to compare with; without them it is left out")
    options.add_argument(
        "--ultralytics-python",
        type=Path,
        default=Options.ultralytics_python,
        metavar="PATH",
        help="looks, fleet: a Python that has Ultralytics; default that of `make train-env`",
    )
    options.add_argument("--tables", action="store_true", help="only renew the tables of docs/performance.md")
    return options


def main() -> None:
    """Run the benchmarks one after the other, each in a process of its own: none may inherit another's memory."""
    arguments = parser().parse_args()
    if arguments.tables:
        return write_tables()
    pt = arguments.pt.resolve() if arguments.pt else None
    options = Options(arguments.quick, arguments.minutes, pt, arguments.ultralytics_python)
    folder = QUICK_RESULTS if options.quick else RESULTS
    failed = []
    for name in arguments.names or NAMES:
        busy, begun = busy_cores(), time.monotonic()
        print(f"== {name}", flush=True)
        if busy > QUIET_CORES:
            print(f"   {busy:.1f} cores are busy with something else: the figures are marked as such", flush=True)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            try:
                result = process.submit(run_one, name, options).result()
            except Unavailable as reason:
                print(f"   NOT MEASURED: {reason}", flush=True)
                failed.append(name)
                continue
        path = save(result, folder, options=options, busy=busy)
        print("\n".join(lines_of([asdict(row) for row in result.rows])))
        print(f"   {time.monotonic() - begun:.0f} s; {path.name} written", flush=True)
    if not options.quick:
        write_tables()
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()

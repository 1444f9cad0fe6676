"""The tables of docs/performance.md, made from the JSON results between their markers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .results import QUIET_CORES, RESULTS, ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
MARKERS = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_tables(document: Path = DOCUMENT, folder: Path = RESULTS) -> None:
    """Renew every table of the document."""
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    text = document.read_text(encoding="utf-8")
    made = MARKERS.sub(lambda match: match[1] + _table(match[2], results) + match[3], text)
    document.write_text(made, encoding="utf-8")


def lines_of(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as the lines of a Markdown table."""
    lines = ["| measured | value | spread | target | met |", "|---|---:|---:|---|---|"]
    for row in rows:
        value = "not measured" if row["value"] is None else f"{_number(row['value'])} {row['unit']}".strip()
        spread = f"{_number(row['spread'][0])} to {_number(row['spread'][1])}" if row["spread"] else ""
        met = {True: "yes", False: "**missed**", None: ""}[row["met"]]
        note = f" ({row['note']})" if row["note"] else ""
        lines.append(f"| {row['name']}{note} | {value} | {spread} | {row['target']} | {met} |")
    return lines


def _table(name: str, results: dict[str, Any]) -> str:
    if name == "targets":
        rows = [row for result in results.values() for row in result["rows"] if row["target"]]
        return "\n".join(lines_of(rows)) + "\n" if rows else "Nothing measured yet.\n"
    if name not in results:
        return "Not measured yet.\n"
    result = results[name]
    return "\n".join([*lines_of(result["rows"]), "", _circumstances(result)]) + "\n"


def _circumstances(result: dict[str, Any]) -> str:
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    busy = result["cores_busy_before"]
    return (
        f"{result['date'][:10]}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}; {packages}."
        + (f" **Not quiet: {busy:g} cores were busy before the start.**" if busy > QUIET_CORES else "")
    )


def _number(value: float) -> str:
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"

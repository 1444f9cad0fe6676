"""Check and merge pictures with labels (YOLO, COCO, Pascal VOC) into one data set.

SOURCE is a folder, or NAME=FOLDER; what it holds is told by its content. The data set appears whole or not at all.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from .errors import TrainingError
from .gather import Picture, Source, gather
from .index import SPLITS
from .labels import Classes
from .problems import Kind, Problems, shown
from .sources import Notes, SetNotes, own_notes, read_notes
from .splits import Division, divide, shares_of
from .writing import write_data_set

SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``data``."""
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="folder with pictures and labels, or NAME=FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the data set; must not exist")
    parser.add_argument("--replace", action="store_true", help="put it in the place of the one in FOLDER")
    parser.add_argument("--classes", default="gun", metavar="A,B", help="classes that are wanted (gun)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="a class of the sources; OLD= ignores it, *= all others",
    )
    parser.add_argument(
        "--sources", dest="notes", type=Path, metavar="FILE", help="YAML file: licences, origins, clips"
    )
    parser.add_argument("--by-prefix", action="store_true", help="a file's name begins with its set and a hyphen")
    parser.add_argument(
        "--split", default="train=0.8,valid=0.1,test=0.1", metavar="SHARES", help="for sources without splits"
    )
    parser.add_argument("--unlabelled-is-empty", action="store_true", help="pictures without labels show no gun")
    parser.add_argument("--sheets", action="store_true", help="contact sheets in FOLDER/sheets")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when there were problems")


def run(arguments: argparse.Namespace) -> int:
    """Make a data set; what is wrong in the sources is listed and does not stop it."""
    names = [name.strip() for name in arguments.classes.split(",") if name.strip()]
    classes, shares = Classes.of(names, arguments.map), shares_of(arguments.split)
    sources = [Source.of(text) for text in arguments.sources]
    for source in sources:
        if arguments.out.resolve().is_relative_to(source.folder.resolve()):
            raise TrainingError(f"{arguments.out} lies in a source: name a folder outside of {source.folder}.")
    problems = Problems()
    notes = _notes(arguments.notes, sources)
    pictures = gather(
        sources,
        notes,
        classes,
        problems,
        by_prefix=arguments.by_prefix,
        unlabelled_is_empty=arguments.unlabelled_is_empty,
    )
    if not any(picture.boxes for picture in pictures):
        raise TrainingError(
            f"No picture has a {names[0]}: is a class missing in --map, or are the labels in another folder?\n"
            f"{problems.text(SHOWN)}".strip()
        )
    division = divide(pictures, shares)
    for drop in division.dropped:
        picture, kept = pictures[drop.place], pictures[drop.kept]
        if drop.why == "copy" and picture.boxes != kept.boxes:
            what = f"{len(picture.boxes)} boxes; {len(kept.boxes)} for {shown(kept.path)}"
            problems.add(Kind.TWO_LABELS, picture.path, None, what)
    write_data_set(
        arguments.out, pictures, division, notes, classes, problems, sheets=arguments.sheets, replace=arguments.replace
    )
    print(_summary(arguments.out, pictures, division, problems))
    return 1 if arguments.strict and len(problems) else 0


def _notes(path: Path | None, sources: list[Source]) -> Notes:
    """What the sources say of themselves, and above that what the asker says."""
    sets: dict[str, SetNotes] = {}
    for source in sources:
        sets |= own_notes(source.folder)
    return Notes(sets | (read_notes(path) if path else {}))


def _summary(folder: Path, pictures: list[Picture], division: Division, problems: Problems) -> str:
    rows: dict[str, Counter[str]] = {}
    for picture, split in zip(pictures, division.splits, strict=True):
        row = rows.setdefault(picture.set, Counter())
        row[split or "left out"] += 1
        row["boxes"] += len(picture.boxes) if split else 0
    columns = (*SPLITS, "boxes", "left out")
    width = max(len(name) for name in (*rows, "together"))
    lines = [f"{'set':{width}}" + "".join(f"{name:>9}" for name in columns)]
    for name, row in [*sorted(rows.items()), ("together", sum(rows.values(), Counter[str]()))]:
        lines.append(f"{name:{width}}" + "".join(f"{row[column]:>9}" for column in columns))
    if division.dropped:
        lines.append("\nLeft out because another picture stays:")
        counts = Counter(
            (drop.why, pictures[drop.place].set, pictures[drop.kept].set, division.splits[drop.kept])
            for drop in division.dropped
        )
        for (why, mine, other, split), count in counts.most_common():
            lines.append(f"{count:>6} of {mine}: {why} of one of {other} in {split or 'a better copy'}")
    if len(problems):
        lines.append(f"\nProblems: {len(problems)}\n{problems.text(SHOWN)}")
    return "\n".join([*lines, f"\nDone: {folder}"])

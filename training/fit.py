"""Train a detector from given weights; a run that was killed goes on where it was.

``fit --data FOLDER --weights FILE.pt --out FOLDER`` begins a run, ``fit --resume FOLDER`` goes on with it.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
from pathlib import Path
from typing import Any

import yaml

from .cutouts import Cutout, cut_from_pictures, is_held_out, read_cutouts
from .errors import TrainingError
from .index import Entry, boxes_of, read_index
from .recipe import Recipe, read_recipe

WORKERS = 2

ASKED = "fit.json"
"""In the folder of a run: what was asked, so that it can go on, and whether it is done."""

FIXED = ("data", "weights", "out", "recipe", "set", "cutouts")
CHANGEABLE = ("device", "workers", "cache")
"""What a run that goes on may do otherwise than it began: none of it changes what is learned."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``fit``."""
    parser.add_argument("--data", type=Path, help="data set made by `python -m training data`")
    parser.add_argument("--weights", type=Path, help="weights to start from: a .pt file")
    parser.add_argument("--out", type=Path, help="folder of the run; must not hold another")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder, as it began")
    parser.add_argument("--recipe", type=Path, help="YAML file of choices; see training/recipe.py")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change one choice")
    parser.add_argument("--cutouts", type=Path, help="folder whose folders hold cut-outs to paste in")
    parser.add_argument("--device", help="cpu, 0 for the first GPU; the best there is if not given")
    parser.add_argument(
        "--threads",
        type=int,
        default=os.cpu_count() or 1,
        help="on a CPU; fewer where other work goes on, because threads wait for one another (%(default)s)",
    )
    parser.add_argument("--workers", type=int, help=f"processes that prepare pictures ({WORKERS})")
    parser.add_argument(
        "--cache", action=argparse.BooleanOptionalAction, help="keep the pictures in memory: about 1 MB each at 640"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train; the best weights are in FOLDER/weights/best.pt."""
    folder, asked = _resumed(arguments) if arguments.resume else _asked(arguments)
    recipe, data = Recipe(**asked["recipe"]), Path(asked["data"])
    entries = read_index(data)
    _check(entries, recipe)
    cutouts = _cutouts(asked, recipe, data, entries)
    if not arguments.resume:  # only what can be begun leaves a run behind
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / ASKED, asked)
    last = folder / "weights" / "last.pt"
    options = _options(folder, asked, recipe, _watched(folder, data, entries, recipe))
    if last.is_file():
        options |= {"model": str(last), "resume": str(last)}
    try:
        _train(options, arguments.threads, recipe, entries, cutouts)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise TrainingError(
            f"The disk is full. The last checkpoint is whole: make room, then go on by --resume {folder}."
        ) from error
    _write(folder / ASKED, {**asked, "done": True})
    print(f"Done: {folder / 'weights' / 'best.pt'}")
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    for name in ("data", "weights", "out"):
        if not getattr(arguments, name):
            raise TrainingError(f"--{name} is missing; or go on with a run by --resume FOLDER.")
    if not arguments.weights.is_file():
        raise TrainingError(f"{arguments.weights} is not there: name the .pt file to start from.")
    if (arguments.out / ASKED).exists():
        raise TrainingError(f"{arguments.out} holds a run already: go on with it by --resume, or name another folder.")
    recipe = read_recipe(arguments.recipe, arguments.set)
    asked = {
        "data": str(arguments.data.resolve()),
        "weights": str(arguments.weights.resolve()),
        "cutouts": str(arguments.cutouts.resolve()) if arguments.cutouts else None,
        "device": arguments.device,
        "workers": WORKERS if arguments.workers is None else arguments.workers,
        "cache": arguments.cache,
        "recipe": recipe.model_dump(mode="json"),
        "done": False,
    }
    return arguments.out.resolve(), asked


def _resumed(arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    for name in FIXED:
        if getattr(arguments, name):
            raise TrainingError(f"--{name} cannot be changed in a run that goes on: begin another by --out FOLDER.")
    try:
        asked = json.loads((arguments.resume / ASKED).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{arguments.resume} holds no run that could go on: {error}") from error
    if asked["done"]:
        raise TrainingError(f"The run in {arguments.resume} is done: its weights are in weights/best.pt.")
    changed = {name: getattr(arguments, name) for name in CHANGEABLE if getattr(arguments, name) is not None}
    return arguments.resume.resolve(), asked | changed


def _check(entries: list[Entry], recipe: Recipe) -> None:
    if not any(entry.boxes for entry in entries if entry.split == "train"):
        raise TrainingError("There is no gun in the pictures for training: nothing can be learned from them.")
    if not any(entry.split == "valid" for entry in entries):
        raise TrainingError("There are no pictures to watch the training with: give the data set a valid split.")
    sets = {entry.set for entry in entries}
    for name in (*recipe.weights, *recipe.cut_guns_from, *recipe.cut_others_from):
        if name not in sets:
            raise TrainingError(f"The recipe names the set {name!r}; the data has {', '.join(sorted(sets))}.")
    if not any(recipe.weights.get(entry.set, 1.0) for entry in entries if entry.split == "train" and entry.boxes):
        raise TrainingError("The recipe gives all pictures with guns the weight 0: nothing can be learned from them.")


def _watched(folder: Path, data: Path, entries: list[Entry], recipe: Recipe) -> Path:
    """The data as Ultralytics reads it, with a part of the valid pictures, the same for the whole run."""
    valid = sorted(entry.file for entry in entries if entry.split == "valid")
    watched = sorted(random.Random(recipe.seed).sample(valid, min(recipe.watch_pictures, len(valid))))
    listed = folder / "watched.txt"
    listed.write_text("".join(f"{data / file}\n" for file in watched), "utf-8")
    path = folder / "data.yaml"
    names = yaml.safe_load((data / "data.yaml").read_text("utf-8"))["names"]
    path.write_text(
        yaml.safe_dump({"path": str(data), "train": "images/train", "val": str(listed), "names": names}), "utf-8"
    )
    return path


def _cutouts(asked: dict[str, Any], recipe: Recipe, data: Path, entries: list[Entry]) -> list[Cutout]:
    """What can be pasted, but for what is held out for measuring."""
    found: list[Cutout] = []
    if (recipe.gun_cutouts or recipe.other_cutouts) and not asked["cutouts"]:
        raise TrainingError("The recipe pastes cut-outs: say where they are by --cutouts FOLDER.")
    for names, is_gun in ((recipe.gun_cutouts, True), (recipe.other_cutouts, False)):
        for name in names:
            found += [c for c in read_cutouts(Path(asked["cutouts"]) / name, is_gun) if not is_held_out(c.name)]
    for sets, is_gun in ((recipe.cut_guns_from, True), (recipe.cut_others_from, False)):
        pictures = [
            (data / entry.file, boxes_of(data, entry)[:, 1:])
            for entry in entries
            if entry.split == "train" and entry.set in sets
        ]
        found += cut_from_pictures(pictures, is_gun)
    return found


def _options(folder: Path, asked: dict[str, Any], recipe: Recipe, data: Path) -> dict[str, Any]:
    """As Ultralytics names them; see https://docs.ultralytics.com/usage/cfg/."""
    return {
        "task": "detect",
        "model": asked["weights"],
        "data": str(data),
        "project": str(folder.parent),
        "name": folder.name,
        "exist_ok": True,
        "imgsz": recipe.size,
        "epochs": recipe.epochs,
        "time": recipe.hours,
        "batch": recipe.batch,
        "nbs": recipe.batch,
        "freeze": recipe.freeze or None,
        "optimizer": "AdamW",
        "lr0": recipe.learning_rate,
        "lrf": recipe.last_learning_rate,
        "cos_lr": True,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": recipe.warmup_epochs,
        "warmup_bias_lr": 0.0,
        "seed": recipe.seed,
        "mosaic": recipe.mosaic,
        "close_mosaic": recipe.close_mosaic,
        "scale": recipe.scale,
        "degrees": recipe.degrees,
        "translate": recipe.translate,
        "patience": recipe.epochs,
        "amp": False,
        "device": asked["device"] or None,
        "workers": asked["workers"],
        "cache": "ram" if asked["cache"] else False,
        "plots": True,
    }


def _train(options: dict[str, Any], threads: int, recipe: Recipe, entries: list[Entry], cutouts: list[Cutout]) -> None:
    from .augment import Pastes
    from .dataset import Mix
    from .trainer import Trainer, bfloat16_on_cpu, computes_bfloat16, forget_after

    guns = tuple(cutout for cutout in cutouts if cutout.is_gun)
    others = tuple(cutout for cutout in cutouts if not cutout.is_gun)
    print(f"Pasted in: {len(guns)} guns, {len(others)} other things.")
    sets = {Path(entry.file).name: entry.set for entry in entries if entry.split == "train"}
    mix = Mix(recipe.epoch_pictures, recipe.weights, sets, Pastes(guns, others, recipe.pastes), recipe.degrade)
    if "resume" in options:
        forget_after(Path(options["resume"]))
    trainer = Trainer(overrides={key: value for key, value in options.items() if value is not None})
    trainer.mix, trainer.workers, trainer.threads = mix, options["workers"], threads
    if trainer.device.type == "cpu" and computes_bfloat16():
        with bfloat16_on_cpu():
            trainer.train()
    else:
        trainer.train()


def _write(path: Path, value: Any) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
    part.replace(path)

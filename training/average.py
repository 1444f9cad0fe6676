"""Average the weights of several runs, one of which went on from another, into one detector.

Runs that lie close together often see more as their mean than each alone (Wortsman et al., 2022, model soups); those
that began apart see nothing. Evaluate what comes out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .errors import TrainingError

KEPT = ("date", "version", "license", "docs", "epoch")
PRIVATE = ("data", "model", "project", "name", "save_dir", "resume")
"""What tells of the machine that trained: weights are passed on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``average``."""
    parser.add_argument("weights", type=Path, nargs="+", help="two or more .pt files")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .pt file to write")


def run(arguments: argparse.Namespace) -> int:
    """Write the mean, with the classes and the settings of the last one named."""
    if len(arguments.weights) < 2:
        raise TrainingError("Name two files at least: one alone is its own average.")
    import torch

    kept = [_read(path) for path in arguments.weights]
    networks = [_network(path, one) for path, one in zip(arguments.weights, kept, strict=True)]
    states = [network.state_dict() for network in networks]
    mean = states[-1]
    for path, state in zip(arguments.weights, states, strict=True):
        if {name: value.shape for name, value in state.items()} != {name: value.shape for name, value in mean.items()}:
            raise TrainingError(f"{path} is another network than {arguments.weights[-1]}: they have no average.")
    for name, value in mean.items():
        if value.is_floating_point():
            mean[name] = torch.stack([state[name] for state in states]).mean(dim=0)
    networks[-1].load_state_dict(mean)
    part = arguments.out.with_name(arguments.out.name + ".part")
    try:
        torch.save(_passed_on(kept[-1], networks[-1]), part)
        part.replace(arguments.out)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise TrainingError(f"{arguments.out} cannot be written: {error}") from error
    print(f"Written: {arguments.out}")
    return 0


def _passed_on(kept: dict[str, Any], network: Any) -> dict[str, Any]:
    options = {name: value for name, value in kept.get("train_args", {}).items() if name not in PRIVATE}
    network.args = options
    network.pt_path = None
    return {**{key: kept[key] for key in KEPT if key in kept}, "train_args": options, "model": network.half()}


def _read(path: Path) -> dict[str, Any]:
    import torch

    from . import ultralytics_env

    ultralytics_env.prepare()  # what is in the file names Ultralytics' classes
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=False))
    except Exception as error:  # whatever a file that is none of its own leads to
        raise TrainingError(f"{path} cannot be read as weights: {error}") from error


def _network(path: Path, kept: dict[str, Any]) -> Any:
    network = kept.get("ema") or kept.get("model")
    if network is None or not hasattr(network, "state_dict"):
        raise TrainingError(f"{path} has no network in it: name a .pt file that `fit` wrote.")
    return network.float()

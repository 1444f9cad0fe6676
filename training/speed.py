"""Pictures a second that training does on a CPU, in each way of computing: ``python -m training.speed WEIGHTS.pt``.

Random pictures: what is measured is the network with its loss, forwards and backwards, not the reading of pictures.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from contextlib import nullcontext
from typing import Any

import torch

from . import ultralytics_env
from .trainer import bfloat16_on_cpu

ultralytics_env.prepare()

from ultralytics.cfg import get_cfg  # noqa: E402
from ultralytics.nn.tasks import load_checkpoint  # noqa: E402

ROUNDS = 9
SIZES = {416: 16, 640: 8}
"""Side of the input and pictures in a batch."""

WAYS = ("float32", "float32, channels last", "bfloat16, channels last")


def main(weights: str) -> None:
    """Measure all ways in turn, round by round, and print medians with the slowest and the fastest."""
    torch.set_num_threads(os.cpu_count() or 1)
    models = {way: _model(weights, way) for way in WAYS}
    for size, count in SIZES.items():
        rates: dict[str, list[float]] = {way: [] for way in WAYS}
        for round_ in range(ROUNDS + 1):
            for way, model in models.items():
                rate = count / _step(model, size, count, way)
                if round_:  # the first warms up
                    rates[way].append(rate)
        for way, told in rates.items():
            print(f"{size}  {way:24}  {statistics.median(told):5.1f}  ({min(told):.1f} to {max(told):.1f})", flush=True)


def _model(weights: str, way: str) -> Any:
    model, _ = load_checkpoint(weights)
    model = model.float().train().requires_grad_(True)
    model.args = get_cfg()
    return model.to(memory_format=torch.channels_last) if "last" in way else model


def _step(model: Any, size: int, count: int, way: str) -> float:
    """Seconds of one step."""
    images = torch.rand(count, 3, size, size)
    if "last" in way:
        images = images.contiguous(memory_format=torch.channels_last)
    batch = {
        "img": images,
        "batch_idx": torch.arange(count).float(),
        "cls": torch.zeros(count, 1),
        "bboxes": torch.rand(count, 4) * 0.2 + 0.3,
    }
    begun = time.perf_counter()
    with bfloat16_on_cpu() if way.startswith("bfloat16") else nullcontext():
        losses, _ = model(batch)
        losses.sum().backward()
    model.zero_grad()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(sys.argv[1])

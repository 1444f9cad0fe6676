"""Ultralytics' trainer with our pictures, twice as fast on a CPU, and safe against a kill at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from . import ultralytics_env
from .dataset import Mix, MixedDataset

ultralytics_env.prepare()

from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: E402
from ultralytics.nn.tasks import BaseModel  # noqa: E402
from ultralytics.utils import colorstr  # noqa: E402
from ultralytics.utils.torch_utils import unwrap_model  # noqa: E402

LONGEST_AVERAGE = 0.998
"""500 steps: two epochs of 4,000 pictures by 16."""


class Trainer(DetectionTrainer):  # type: ignore[misc]  # Ultralytics has no types
    """Set before :meth:`train`: ``mix``, how an epoch is put together; on a CPU, ``threads`` that compute and
    ``workers``, processes that prepare pictures."""

    mix: Mix
    workers: int
    threads: int
    last: Path
    best: Path

    def _setup_train(self) -> None:
        # On a CPU Ultralytics computes with a thread less than there are cores and loads pictures between the steps.
        if self.device.type == "cpu":
            torch.set_num_threads(self.threads)
            self.args.workers = self.workers
        super()._setup_train()
        self.ema.decay = average_decay
        if self.device.type == "cpu":
            self.model.to(memory_format=torch.channels_last)

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """As Ultralytics', but for training pictures."""
        if mode != "train":
            return super().build_dataset(img_path, mode, batch)
        return MixedDataset(
            img_path=img_path,
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=True,
            hyp=self.args,
            rect=False,
            cache=self.args.cache or None,
            single_cls=self.args.single_cls or False,
            stride=max(int(unwrap_model(self.model).stride.max()), 32),
            pad=0.0,
            prefix=colorstr("train: "),
            task=self.args.task,
            classes=self.args.classes,
            data=self.data,
            fraction=self.args.fraction,
            mix=self.mix,
        )

    def save_model(self) -> Any:
        """As Ultralytics', but a file appears whole or not at all: a kill, or a full disk, leaves the one before."""
        last, best = self.last, self.best
        self.last, self.best = _beside(last), _beside(best)
        try:
            saved = super().save_model()
            for written, wanted in ((self.last, last), (self.best, best)):
                if written.is_file():
                    with written.open("rb") as file:
                        os.fsync(file.fileno())
                    written.replace(wanted)
            return saved
        finally:
            for written in (self.last, self.best):
                written.unlink(missing_ok=True)
            self.last, self.best = last, best


def average_decay(updates: int) -> float:
    """How much of the average of the weights stays at an update: that over the last tenth of all steps, and over 500
    steps at the most.

    Ultralytics' own average, made for schedules a hundred times as long, is hardly one in the first 2,000 steps. The
    ramp is that of TensorFlow's ExponentialMovingAverage.
    """
    return min(LONGEST_AVERAGE, (1 + updates) / (10 + updates))


def forget_after(checkpoint: Path) -> None:
    """Take from the figures of a run those of an epoch that was told but not kept: it is done again."""
    kept = torch.load(checkpoint, map_location="cpu", weights_only=False)["epoch"] + 1
    figures = checkpoint.parent.parent / "results.csv"
    if figures.is_file():
        lines = figures.read_text("utf-8").splitlines(keepends=True)
        figures.write_text("".join(lines[: kept + 1]), "utf-8")


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".part")


@contextmanager
def bfloat16_on_cpu() -> Iterator[None]:
    """Inside the block, networks run in bfloat16 and channels last while they train on a CPU; losses stay float32.

    About twice as fast where the processor has it (``python -m training.speed``; RUNS.md). Ultralytics' own
    ``amp="bf16"`` is for CUDA alone, and takes the loss into bfloat16 too, where a position in the picture has steps
    of several pixels.
    """
    original = BaseModel.loss

    def loss(self: Any, batch: dict[str, Any], preds: Any = None) -> Any:
        if preds is None:
            with torch.autocast("cpu", torch.bfloat16):
                preds = _as_float32(self.forward(batch["img"].contiguous(memory_format=torch.channels_last)))
        return original(self, batch, preds)

    BaseModel.loss = loss
    try:
        yield
    finally:
        BaseModel.loss = original


def _as_float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float()
    if isinstance(value, dict):
        return {key: _as_float32(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_as_float32(item) for item in value)
    return value


def computes_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; without it, bfloat16 is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))

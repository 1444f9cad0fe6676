"""The pictures of a training as Ultralytics takes them: drawn by weight, with things pasted in, as cameras see them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import ultralytics_env
from .augment import Pastes, degrade

ultralytics_env.prepare()

from ultralytics.data.augment import Compose  # noqa: E402
from ultralytics.data.dataset import YOLODataset  # noqa: E402


@dataclass(frozen=True, slots=True)
class Mix:
    """How an epoch is put together: ``pictures`` in it, drawn from the sets by ``weights`` (of one picture; 1 where a
    set is not named); ``sets`` names the set of each file. ``degrade`` is the share that is made worse."""

    pictures: int
    weights: Mapping[str, float]
    sets: Mapping[str, str]
    pastes: Pastes
    degrade: float


class MixedDataset(YOLODataset):  # type: ignore[misc]  # Ultralytics has no types
    """Every index is a new draw: an epoch has as many pictures as the mix says, however many there are."""

    def __init__(self, *arguments: Any, mix: Mix, **named: Any) -> None:
        self._mix = mix
        super().__init__(*arguments, **named)
        names = [mix.sets.get(Path(file).name, "") for file in self.im_files]
        weights = np.array([mix.weights.get(name, 1.0) for name in names])
        self._bounds = (weights.cumsum() / weights.sum()).tolist()

    def __len__(self) -> int:
        return self._mix.pictures

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """A picture drawn by weight, with its boxes; ``index`` does not matter."""
        drawn = int(np.searchsorted(self._bounds, random.random()))
        label: dict[str, Any] = super().get_image_and_label(min(drawn, len(self.labels) - 1))
        instances, image = label["instances"], label["img"]
        instances.convert_bbox("xyxy")
        instances.denormalize(image.shape[1], image.shape[0])
        boxes = np.asarray(instances.bboxes, np.float32).reshape(-1, 4)
        pasted, after = self._mix.pastes.into(image, boxes, random.Random(random.getrandbits(64)))
        if pasted is not image:
            label["img"] = pasted
            label["cls"] = np.concatenate([label["cls"], np.zeros((len(after) - len(boxes), 1), label["cls"].dtype)])
            label["instances"] = type(instances)(
                after, np.zeros((0, 1000, 2), np.float32), None, bbox_format="xyxy", normalized=False
            )
        return label

    def build_transforms(self, hyp: Any = None) -> Compose:
        """Those of Ultralytics; what cameras do to a picture comes last."""
        transforms = super().build_transforms(hyp)
        transforms.insert(len(transforms.tolist()) - 1, _Degrade(self._mix.degrade))
        return transforms


class _Degrade:
    def __init__(self, share: float) -> None:
        self._share = share

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        if random.random() < self._share:
            labels["img"] = degrade(np.ascontiguousarray(labels["img"]), random.Random(random.getrandbits(64)))
        return labels

"""Which model looks: what is remembered when one fails while it is new. The models are fakes."""

from __future__ import annotations

import asyncio
import json
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server import models as module
from server.config import ConfigError, DetectorSettings, ModelSettings
from server.detector import Detector
from server.looker import TRIAL_LOOKS
from server.metrics import Metrics
from server.modelcheck import Checked, Trial
from server.models import Models
from server.plugins import ModelError

from .inference.models import write_model
from .support.looking import FakeBackend, FakeFeed, attach
from .support.waiting import eventually

NAN = np.full((5, 1), np.nan, np.float32)
CHECKED = Checked(("gun",), "1", "fp32", (5, 96), 10.0, 1.0, 0.9)


class Stage:
    """A server's models over fakes: ``opened`` are those that were opened, by the name of their file."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.path = write_model(folder / "configured.onnx")
        self.opened: dict[str, FakeBackend] = {}
        self.told: list[str | None] = []
        self.tried: list[tuple[Trial, bool]] = []
        self.unreadable = ""

        def open_model(path: Path, **_: Any) -> FakeBackend:
            if path.stem == self.unreadable:
                raise ModelError(f"{path.name} cannot be read.")
            backend = self.opened[path.stem] = FakeBackend(path.stem)
            return backend

        async def check(trial: Trial, *, alone: bool) -> Checked:
            self.tried.append((trial, alone))
            return CHECKED

        monkeypatch.setattr(module, "load", lambda *_: types.SimpleNamespace(open_model=open_model))
        monkeypatch.setattr(module, "check", check)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[Models, Detector, FakeFeed]]:
        options = DetectorSettings(model=self.path)
        models = Models(options, ModelSettings(), self.folder, Metrics())
        async with (
            Detector(models.open_first(), 1, 0.25, 0.6, Metrics()) as detector,
            models.attach(detector, self.told.append),
        ):
            await asyncio.wait_for(detector.ready.wait(), 20)
            (feed,) = attach(detector, 1)
            yield models, detector, feed

    async def uploaded(self, models: Models, name: str = "new") -> str:
        part = write_model(models.folder / "x.part", names=f"{{0: 'gun of {name}'}}")
        model, new = await models.add(part, name)
        assert new
        return model.id


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


async def look(feed: FakeFeed, count: int = 1) -> None:
    for _ in range(count):
        before = len(feed.seen)
        feed.publish()
        await eventually(lambda before=before: len(feed.seen) > before)  # type: ignore[misc]


def kept(stage: Stage) -> dict[str, Any]:
    content = json.loads((stage.folder / "models" / "models.json").read_text())
    assert isinstance(content, dict)
    return content


async def test_one_that_fails_while_it_is_new_is_taken_back_and_remembered(stage: Stage) -> None:
    async with stage.running() as (models, detector, feed):
        configured = models.active
        id_ = await stage.uploaded(models)
        model = await models.activate(id_)
        assert (model.state, models.active, detector.model.name) == ("active", id_, "new")
        assert stage.told == [None]
        stage.opened[id_].output = NAN
        await look(feed)
        assert models.active == configured
        after = models.get(id_)
        assert (after.state, after.reason) == ("rolled-back", "it gave what is no number")
        assert models.get(configured).state == "active"
        assert models.trouble == stage.told[-1]
        assert models.trouble
        assert "The model new failed while it was new" in models.trouble
        await eventually(lambda: kept(stage)["choice"] is None)
    async with stage.running() as (models, _, _):
        assert models.active == configured
        assert models.get(id_).state == "rolled-back"
        assert models.trouble is None


async def test_back_to_one_that_was_chosen_before(stage: Stage) -> None:
    async with stage.running() as (models, _, feed):
        first = await stage.uploaded(models, "first")
        second = await stage.uploaded(models, "second")
        await models.activate(first)
        await models.activate(second)
        stage.opened[second].output = NAN
        await look(feed)
        assert models.active == first
    assert kept(stage)["choice"] == {"id": first, "on_trial": False}


async def test_a_trial_that_was_stood_is_remembered(stage: Stage) -> None:
    async with stage.running() as (models, _, feed):
        id_ = await stage.uploaded(models)
        await models.activate(id_)
        await eventually(lambda: kept(stage)["choice"] == {"id": id_, "on_trial": True})
        await look(feed, TRIAL_LOOKS)
        await eventually(lambda: kept(stage)["choice"] == {"id": id_, "on_trial": False})
        assert models.get(id_).checked == CHECKED


async def test_only_what_was_uploaded_is_tried_apart_from_other_files(stage: Stage) -> None:
    async with stage.running() as (models, _, _):
        configured = models.active
        await models.activate(await stage.uploaded(models))
        await models.activate(configured)
    assert [alone for _, alone in stage.tried] == [True, False]
    assert stage.tried[1][0].path == str(stage.path)


async def test_what_cannot_be_opened_after_all_leaves_the_old_one(stage: Stage) -> None:
    async with stage.running() as (models, detector, feed):
        configured = models.active
        id_ = await stage.uploaded(models)
        stage.unreadable = id_
        with pytest.raises(module.ModelRefused, match="cannot be read"):
            await models.activate(id_)
        await look(feed)
        assert (models.active, models.get(id_).state, models.changing) == (configured, "failed", False)
        assert detector.model.name == "configured"


async def test_the_settings_model_changed_meanwhile_is_under_the_choice(stage: Stage) -> None:
    async with stage.running() as (models, _, _):
        id_ = await stage.uploaded(models)
        await models.activate(id_)
    write_model(stage.path, names="{0: 'other'}")
    async with stage.running() as (models, _, _):
        assert models.active == id_
        await models.activate(models.all()[0].id)
    assert kept(stage)["choice"] is None


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"version": 2}', '{"models": {"x": {"unknown": 1}}}'])
def test_what_is_kept_and_cannot_be_read_stops_the_start(stage: Stage, content: str) -> None:
    folder = stage.folder / "models"
    folder.mkdir()
    (folder / "models.json").write_text(content)
    models = Models(DetectorSettings(model=stage.path), ModelSettings(), stage.folder, Metrics())
    with pytest.raises(ConfigError, match=r"Mend models\.json"):
        models.open_first()


async def test_what_cannot_be_written_down_is_not_kept(stage: Stage) -> None:
    """A real fault: the file that it would be written to is a folder."""
    async with stage.running() as (models, _, _):
        id_ = await stage.uploaded(models, "first")
        blocked = models.folder / "models.json.part"
        blocked.mkdir()
        with pytest.raises(IsADirectoryError):
            await stage.uploaded(models, "second")
        assert [model.name for model in models.all()] == ["configured", "gun-yolov8n", "first"]
        assert [path.name for path in models.folder.glob("*.onnx")] == [f"{id_}.onnx"]
        await models.remove(id_)  # which is how room is made
        assert not list(models.folder.glob("*.onnx"))
        blocked.rmdir()
    async with stage.running() as (models, _, _):
        assert [model.name for model in models.all()] == ["configured", "gun-yolov8n"]


async def test_uploads_beside_each_other_keep_to_the_limit(stage: Stage) -> None:
    async with stage.running() as (models, _, _):
        models.limits = ModelSettings(most=1)
        parts = [write_model(models.folder / f"{n}.part", names=f"{{0: 'gun {n}'}}") for n in range(3)]
        told = await asyncio.gather(*(models.add(part, "new") for part in parts), return_exceptions=True)
        assert sorted(type(one).__name__ for one in told) == ["ModelRefused", "ModelRefused", "tuple"]
        assert len(list(models.folder.glob("*.onnx"))) == 1
        assert not list(models.folder.glob("*.part"))

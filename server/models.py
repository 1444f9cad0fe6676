"""The models there are, which of them looks, and how that is changed."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from .aside import aside
from .config import BUNDLED_MODEL, DetectorSettings, ModelSettings
from .core.onnxfile import OnnxFacts
from .core.yolo import labels_of
from .detector import Detector
from .metrics import Metrics
from .modelcheck import Checked, Trial, check
from .modelfile import facts_of, look_through, sha256_of
from .modelshelf import Choice, Entry, Shelf
from .plugins import Backend, ModelError, load

log = logging.getLogger(__name__)

MOST_NAME = 60

DIED = "the server ended while this model was on trial"


class ModelRefused(Exception):
    """What was asked for cannot be done; ``slug`` names why, the message is a sentence for people."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be chosen. ``id`` is the SHA-256 of its file; ``origin`` is ``bundled``, ``settings`` or
    ``uploaded``; ``state`` is ``active``, ``stored``, ``failed`` or ``rolled-back``."""

    id: str
    name: str
    version: str
    labels: tuple[str, ...]
    size_bytes: int
    precision: str
    origin: str
    state: str
    reason: str | None
    added_at: float | None
    checked: Checked | None
    path: Path


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A model that is there without having been uploaded."""

    id: str
    path: Path
    origin: str


class Models:
    """All models of one server. Made before the detector, which gets its first model from :meth:`open_first`; in use
    from ``async with`` on. ``told`` is called with why the model chosen does not look, and None once one does."""

    def __init__(self, options: DetectorSettings, limits: ModelSettings, data_dir: Path, metrics: Metrics) -> None:
        self.limits = limits
        self.changing = False
        """Whether the model is being changed now."""
        self._options = options
        self._cache = data_dir / "cache"
        self._metrics = metrics
        self._shelf = Shelf(data_dir / "models")
        self._facts: dict[str, OnnxFacts] = {}
        self._active = ""
        self._first_failure: str | None = None
        self._detector: Detector | None = None
        self._told: Callable[[str | None], None] = lambda _: None
        self.trouble: str | None = None
        """Why another model than the one that was chosen looks."""
        self._fixed: tuple[_Fixed, ...] = ()
        self._writing: set[asyncio.Task[None]] = set()
        self._adding = asyncio.Lock()

    @property
    def folder(self) -> Path:
        """Where a file may be put while it arrives, with a name that ends in ``.part``."""
        return self._shelf.folder

    @property
    def active(self) -> str:
        """The id of the model that looks."""
        return self._active

    def open_first(self) -> Backend:
        """The model chosen when the server last ran, or else that of the settings. Blocks. Raises ModelError,
        PluginError or ConfigError."""
        configured = self._options.model
        if not configured.is_file():
            raise ModelError(f"There is no model file {configured}.")
        self._shelf.open()
        self._fixed = tuple(_fixed(configured))
        for one in self._known():
            self._read_facts(one)
        if backend := self._chosen():
            return backend
        backend = self._open(configured)
        self._in_use(self._fixed[0].id, backend)
        return backend

    def attach(self, detector: Detector, told: Callable[[str | None], None]) -> Self:
        """Whose model is changed, and who is told why the one chosen does not look."""
        self._detector, self._told = detector, told
        return self

    async def __aenter__(self) -> Self:
        if self._first_failure:
            self._tell(self._first_failure)
            self._save()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._passed()  # an end that was wanted tells nothing against the model
        await asyncio.gather(*self._writing)

    def all(self) -> list[Model]:
        """Those of the settings first, then those uploaded, the oldest first."""
        seen: dict[str, Model] = {}
        for one in self._known():
            if one.id not in seen:
                seen[one.id] = self._model(one)
        return list(seen.values())

    def get(self, id_: str) -> Model:
        """One model. Raises :class:`ModelRefused`."""
        for model in self.all():
            if model.id == id_:
                return model
        raise ModelRefused("unknown-model", "There is no model of this id; it may have been removed.")

    async def add(self, part: Path, name: str) -> tuple[Model, bool]:
        """Keep a file that has arrived, under this name or the one its own begins with; whether it is new.

        Raises :class:`ModelRefused` or OSError; the file at ``part`` is gone afterwards in any case.
        """
        try:
            id_, facts = await asyncio.to_thread(_looked_through, part)
            async with self._adding:
                if any(model.id == id_ for model in self.all()):
                    return self.get(id_), False
                if len(self._shelf.uploaded()) >= self.limits.most:
                    raise ModelRefused(
                        "too-many-models", f"{self.limits.most} models are kept already, which is the most. Remove one."
                    )
                await self._keep(part, id_, Entry(self._free_name(name, id_), time.time()))
            self._facts[id_] = facts
            return self.get(id_), True
        except ModelError as error:
            raise ModelRefused("invalid-model", str(error)) from error
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def activate(self, id_: str) -> Model:
        """Check a model, and let it look from now on. Raises :class:`ModelRefused`, also when it does not pass."""
        model = self.get(id_)
        if self.changing:
            raise ModelRefused("model-changing", "The model is being changed already. Wait until that is done.")
        if self._detector is None:
            raise RuntimeError("no detector is attached")
        self.changing = True
        try:
            if id_ != self._active:
                await self._swap(self._detector, model)
            else:
                self._choose(id_, on_trial=self._detector.looker.on_trial)
            return self.get(id_)
        except ModelError as error:
            self._metrics.model_changes.labels("failed").inc()
            self._remember(id_, state="failed", reason=str(error))
            log.warning("the model %s is not taken: %s", model.name, error)
            raise ModelRefused("invalid-model", str(error)) from error
        finally:
            self.changing = False

    async def remove(self, id_: str) -> None:
        """Remove a model that was uploaded. Raises :class:`ModelRefused` or OSError."""
        model = self.get(id_)
        if id_ == self._active or self.changing:
            raise ModelRefused(
                "model-in-use", "This model is in use, or the model is being changed. Choose another one."
            )
        if model.origin != "uploaded":
            raise ModelRefused("model-not-removable", "This model comes with Vigie or its settings: it stays.")
        # The file first: on a full disk that makes room to write it down. An entry without a file counts for nothing.
        await asyncio.to_thread(model.path.unlink, missing_ok=True)
        del self._shelf.entries[id_]
        self._facts.pop(id_, None)
        self._save()

    async def _keep(self, part: Path, id_: str, entry: Entry) -> None:
        """A file and what is known of it, both or neither. Raises OSError."""
        path = self._shelf.path_of(id_)
        await asyncio.to_thread(os.replace, part, path)
        self._shelf.entries[id_] = entry
        try:
            await asyncio.to_thread(self._shelf.save)
        except OSError:
            del self._shelf.entries[id_]
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise

    async def _swap(self, detector: Detector, model: Model) -> None:
        options = self._options
        trial = Trial(str(model.path), options.backend, options.device, options.precision, options.confidence)
        checked = await check(trial, alone=model.origin == "uploaded")
        self._remember(model.id, checked=checked)
        backend = await aside(lambda: self._open(model.path, model.name), "model")
        before = self._active
        await detector.swap(backend, lambda reason: self._failed(model, before, reason), self._passed)
        self._in_use(model.id, backend)
        self._remember(model.id, state="stored", reason=None)
        self._choose(model.id, on_trial=True)
        self._metrics.model_changes.labels("active").inc()
        self._tell(None)
        log.info("%s looks now", model.name)

    def _failed(self, model: Model, before: str, reason: str) -> None:
        """The model failed its trial, and the one before is in use again."""
        self._metrics.model_changes.labels("rolled-back").inc()
        self._active = before
        self._remember(model.id, state="rolled-back", reason=reason)
        self._choose(before, on_trial=False)
        self._tell(f"The model {model.name} failed while it was new, and the one before looks again: {reason}")

    def _tell(self, trouble: str | None) -> None:
        self.trouble = trouble
        self._told(trouble)

    def _passed(self) -> None:
        if choice := self._shelf.choice:
            self._choose(choice.id, on_trial=False)

    def _choose(self, id_: str, *, on_trial: bool) -> None:
        choice = Choice(id_, on_trial) if id_ != self._fixed[0].id else None
        if choice != self._shelf.choice:
            self._shelf.choice = choice
            self._save()

    def _chosen(self) -> Backend | None:
        """The model chosen by the API, if there is one that can be opened."""
        choice = self._shelf.choice
        if not choice:
            return None
        name = choice.id[:8]
        try:
            model = self.get(choice.id)
            name = model.name
            if choice.on_trial:
                raise ModelError(DIED)
            backend = self._open(model.path, name)
        except (ModelError, ModelRefused) as error:
            self._shelf.choice = None
            state = "rolled-back" if choice.on_trial else "failed"
            self._shelf.entries[choice.id] = replace(
                self._shelf.entries.get(choice.id, Entry()), state=state, reason=str(error)
            )
            self._first_failure = (
                f"The model {name} that was chosen cannot be used, and that of the settings looks: {error}"
            )
            log.error("%s", self._first_failure)
            return None
        self._in_use(model.id, backend)
        return backend

    def _open(self, path: Path, name: str = "") -> Backend:
        """Open a model as the settings have it. Blocks. Raises ModelError or PluginError."""
        options = self._options
        backend: Backend = load("inference", options.backend).open_model(
            path, workers=options.workers, cache_dir=self._cache, device=options.device, precision=options.precision
        )
        if name:
            backend.info = replace(backend.info, name=name)
        return backend

    def _in_use(self, id_: str, backend: Backend) -> None:
        self._active = id_
        info = backend.info
        self._metrics.detector_fallback.set(info.fallback is not None)
        if info.fallback:
            log.warning(
                "the model runs on %s, not on %s as detector.device asks: %s", info.device, info.asked, info.fallback
            )

    def _remember(self, id_: str, **changes: object) -> None:
        entry = self._shelf.entries.get(id_, Entry())
        self._shelf.entries[id_] = replace(entry, **changes)  # type: ignore[arg-type]
        self._save()

    def _save(self) -> None:
        """Off the event loop: this may be the middle of a look."""
        task = asyncio.create_task(asyncio.to_thread(self._write))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _write(self) -> None:
        try:
            self._shelf.save()
        except OSError as error:  # what looks does not depend on it
            log.warning("what became of a model cannot be written down: %s", error.strerror)

    def _free_name(self, name: str, id_: str) -> str:
        """The name, with the begin of the id where another model has it: events name their model by it."""
        name = "".join(sign for sign in name.removesuffix(".onnx") if sign.isprintable())[:MOST_NAME] or "model"
        return f"{name}-{id_[:8]}" if any(model.name == name for model in self.all()) else name

    def _model(self, one: _Fixed) -> Model:
        entry = self._shelf.entries.get(one.id, Entry())
        checked = entry.checked
        version, labels, precision = self._told_by(one, checked)
        return Model(
            one.id,
            entry.name or one.path.stem,
            version,
            labels,
            _size_of(one.path),
            precision,
            one.origin,
            "active" if one.id == self._active else entry.state,
            None if one.id == self._active else entry.reason,
            entry.added_at,
            checked,
            one.path,
        )

    def _known(self) -> list[_Fixed]:
        uploaded = (_Fixed(id_, self._shelf.path_of(id_), "uploaded") for id_ in self._shelf.uploaded())
        return [*self._fixed, *uploaded]

    def _read_facts(self, one: _Fixed) -> None:
        """What its file says, once: the list of models is asked for often. Blocks."""
        if one.path.suffix != ".pt":
            try:
                self._facts[one.id] = facts_of(one.path)
            except ModelError as error:
                log.warning("%s", error)

    def _told_by(self, one: _Fixed, checked: Checked | None) -> tuple[str, tuple[str, ...], str]:
        """Version, labels and precision: as it runs, as it ran when it was checked, or as its file says."""
        if one.id == self._active and self._detector:
            info = self._detector.model
            return info.version, info.labels, info.precision
        if checked:
            return checked.version, checked.labels, checked.precision
        facts = self._facts.get(one.id)
        if facts is None:
            return "", (), "fp32" if one.path.suffix == ".pt" else ""
        try:
            return facts.metadata.get("version", ""), labels_of(facts.metadata.get("names", "")), facts.precision
        except ValueError:
            return "", (), ""


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # somebody took it away; what was read of it goes on
        return 0


def _fixed(configured: Path) -> list[_Fixed]:
    """The model of the settings, and the bundled one where that is another."""
    bundled = BUNDLED_MODEL.resolve()
    ours = configured.resolve() == bundled
    found = [_Fixed(sha256_of(configured), configured, "bundled" if ours else "settings")]
    if not ours and bundled.is_file():
        found.append(_Fixed(sha256_of(bundled), bundled, "bundled"))
    return found


def _looked_through(part: Path) -> tuple[str, OnnxFacts]:
    facts = look_through(part)
    try:
        labels_of(facts.metadata["names"])
    except ValueError as error:
        raise ModelError(f"It is not a YOLOv8 detector as Ultralytics exports it: {error}.") from error
    return sha256_of(part), facts

"""Looks with the model in use, and changes that for another without losing one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .aside import aside
from .core.detections import Detections
from .core.frame import Picture
from .core.labels import Labels
from .core.yolo import PADDING, check_output, decode, input_of_image, input_of_picture
from .metrics import Metrics
from .plugins import Backend, ModelError, ModelInfo

log = logging.getLogger(__name__)

Image = NDArray[np.uint8]

USUAL_ASPECTS = (3 / 4, 9 / 16)
"""Height by width of what most cameras give: a model is made ready for these before it looks."""

REMEMBERED_SHAPES = 64

TRIAL_LOOKS = 200
TRIAL_S = 60.0
"""How long a new model is on trial: until it has done so many looks, or so much time has gone by without them. The one
before is kept for so long, ready to take over."""

Failed = Callable[[str], None]
"""Told why a model failed its trial."""

Passed = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds by stage: waited for a worker, made the input, ran the network, decoded its output."""

    wait: float
    preprocess: float
    inference: float
    postprocess: float

    @property
    def total(self) -> float:
        """All stages together."""
        return self.wait + self.preprocess + self.inference + self.postprocess


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a look, and the model that looked."""

    detections: Detections
    timing: Timing
    model: ModelInfo


@dataclass(slots=True, eq=False)
class _Loaded:
    """A model that looks, or did. ``numbers``: for each of its classes, the one that the server knows it by."""

    backend: Backend
    numbers: NDArray[np.int32]
    looks: int = 0
    """In flight."""
    retired: bool = False


@dataclass(slots=True, eq=False)
class _Trial:
    """A new model's first looks. ``before`` takes over when one fails."""

    before: _Loaded
    failed: Failed
    passed: Passed
    timer: asyncio.TimerHandle
    looks: int = 0


class _Broke(Exception):
    """A model on trial broke, or gave what no detector gives."""


class Looker:
    """Owns the models and the threads that look. All methods run on the event loop, only the looks in those threads.

    Whoever looks sees to it that there are never more looks than ``workers``.
    """

    def __init__(self, backend: Backend, workers: int, nms_iou: float, metrics: Metrics) -> None:
        self.labels = Labels()
        """What the classes of all detections refer to, whichever model saw them."""
        self._loaded = self._known(backend)
        self._trial: _Trial | None = None
        self._nms_iou = nms_iou
        self._metrics = metrics
        self._shapes: deque[tuple[int, int]] = deque(maxlen=REMEMBERED_SHAPES)
        self._closing: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="look")

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self._loaded.backend.info

    @property
    def on_trial(self) -> bool:
        """Whether the model in use is new, and the one before ready to take over."""
        return self._trial is not None

    async def warm_up(self) -> None:
        """Make the first model ready. Raises what it does."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._prepare, self._loaded.backend)

    async def close(self) -> None:
        """Free the models; no look may be in flight."""
        self._end_trial()
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._pool.shutdown()
        self._loaded.backend.close()

    async def swap(self, backend: Backend, failed: Failed, passed: Passed) -> float:
        """Put another model in place of the one in use, without a look less; returns the seconds it took to warm up.

        Looks go on with the old one until the new one is warm, and those in flight end on it. It is kept until the new
        one has stood its trial, and then ``passed`` is told. When the new one fails in a look before, that very look is
        done by the old one, which stays in use, and ``failed`` is told why.

        Raises :class:`ModelError` when the new one fails before it comes to look; it is closed then. One at a time.
        """
        loaded = self._known(backend)
        begun = time.monotonic()
        try:
            await aside(lambda: self._prepare(backend), "warm-up")
        except Exception as error:
            self._retire(loaded)
            raise ModelError(f"It cannot look at a picture: {error}.") from error
        self._end_trial()
        timer = asyncio.get_running_loop().call_later(TRIAL_S, self._end_trial)
        self._trial = _Trial(self._loaded, failed, passed, timer)
        self._loaded = loaded
        return time.monotonic() - begun

    async def look(self, picture: Image | Picture, since: float, confidence: float) -> Outcome:
        """Look at a picture, RGB (H, W, 3) uint8 or YUV, that came at ``since`` (monotonic s), with the model in use;
        where that fails its trial, with the one before."""
        loaded, trial = self._loaded, self._trial
        try:
            outcome = await self._in_worker(loaded, picture, since, confidence, on_trial=trial is not None)
        except _Broke as error:
            if trial is not None and trial is self._trial:
                self._roll_back(trial, str(error))
            # Else one that failed beside this one has put the old model back; or the trial ended just now.
            return await self._in_worker(self._loaded, picture, since, confidence, on_trial=False)
        if trial is not None and trial is self._trial:
            trial.looks += 1
            if trial.looks == TRIAL_LOOKS:
                self._end_trial()
        return outcome

    def _known(self, backend: Backend) -> _Loaded:
        return _Loaded(backend, self.labels.numbers_of(backend.info.labels))

    def _end_trial(self) -> None:
        """The model in use has stood its trial; the one before goes."""
        if trial := self._trial:
            self._trial = None
            trial.timer.cancel()
            self._retire(trial.before)
            trial.passed()

    def _roll_back(self, trial: _Trial, reason: str) -> None:
        before = trial.before
        log.error("the model %s failed: %s; %s looks again", self.model.name, reason, before.backend.info.name)
        self._trial = None
        trial.timer.cancel()
        self._retire(self._loaded)
        self._loaded = before
        trial.failed(reason)

    def _retire(self, loaded: _Loaded) -> None:
        """Free a model as soon as nobody looks with it: in a thread, for that takes time."""
        loaded.retired = True
        if not loaded.looks:
            task = asyncio.create_task(asyncio.to_thread(loaded.backend.close))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _in_worker(
        self, loaded: _Loaded, picture: Image | Picture, since: float, confidence: float, *, on_trial: bool
    ) -> Outcome:
        loaded.looks += 1
        try:
            look = partial(self._look, loaded, picture, since, confidence, on_trial=on_trial)
            return await asyncio.get_running_loop().run_in_executor(self._pool, look)
        finally:
            loaded.looks -= 1
            if loaded.retired:
                self._retire(loaded)

    def _prepare(self, backend: Backend) -> None:
        """In a thread: what would make the first looks slow. Raises what the model does, or ValueError."""
        info = backend.info
        greys = (Picture.grey(info.size, round(info.size * aspect)) for aspect in USUAL_ASPECTS)
        usual = [input_of_picture(grey, info.size, info.stride)[0].shape[:2] for grey in greys]
        for height, width in dict.fromkeys((*usual, *self._shapes)):
            backend.prepare(height, width)
            check_output(backend.infer(np.full((height, width, 3), PADDING, np.uint8)), len(info.labels))

    def _look(
        self, loaded: _Loaded, picture: Image | Picture, since: float, confidence: float, *, on_trial: bool
    ) -> Outcome:
        """One look, in a worker thread."""
        info = loaded.backend.info
        begun = time.monotonic()
        if isinstance(picture, Picture):
            image, letterbox = input_of_picture(picture, info.size, info.stride)
            self._shapes.append((image.shape[0], image.shape[1]))
        else:
            image, letterbox = input_of_image(picture, info.size, info.stride)
        prepared = time.monotonic()
        output = _tried(loaded.backend, image) if on_trial else loaded.backend.infer(image)
        inferred = time.monotonic()
        detections = decode(output, letterbox, confidence, self._nms_iou)
        detections = replace(detections, classes=loaded.numbers[detections.classes])
        decoded = time.monotonic()
        timing = Timing(max(begun - since, 0.0), prepared - begun, inferred - prepared, decoded - inferred)
        for stage in ("wait", "preprocess", "inference", "postprocess"):
            self._metrics.stage_seconds.labels(stage).observe(getattr(timing, stage))
        return Outcome(detections, timing, info)


def _tried(backend: Backend, image: Image) -> NDArray[np.float32]:
    """The output of a model on trial; raises :class:`_Broke` where there is none, or it cannot be one."""
    try:
        output = backend.infer(image)
        check_output(output, len(backend.info.labels))
    except Exception as error:  # whatever the runtime raises: the model before is better
        raise _Broke(str(error).splitlines()[0][:200] if str(error) else type(error).__name__) from error
    return output

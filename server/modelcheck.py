"""Tries out a model in a process of its own, which may crash, hang or eat memory without harm to the server.

python -m server.modelcheck '{"path": ..., "backend": ..., ...}'    -> one line of JSON
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .core.geometry import iou
from .core.yolo import check_output, decode, input_of_image
from .plugins import ModelError, PluginError, load

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "models" / "check.jpg"
ANSWER = ROOT / "models" / "check.json"

PATIENCE_S = 90.0
MOST_CPU_S = 120
MOST_MEMORY = 6 << 30
"""Address space: runtimes reserve some gigabytes of it before they do anything."""

NICENESS = 10
SIDES = ((384, 640), (480, 640))
SAME_IOU = 0.5
NMS_IOU = 0.6


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: a file, and how it would be run. ``confidence`` is that above which a gun must be found."""

    path: str
    backend: str
    device: str
    precision: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it. ``warm_up_ms``: reading, compiling and the first looks; ``look_ms``: one at 640x384 after them;
    ``score``: of the known gun, None where the model knows no guns and the picture was not shown to it."""

    labels: tuple[str, ...]
    version: str
    precision: str
    output: tuple[int, ...]
    warm_up_ms: float
    look_ms: float
    score: float | None


async def check(trial: Trial, *, alone: bool) -> Checked:
    """Try out a model. Raises :class:`ModelError` with a sentence that says what is wrong with it.

    ``alone``: in an empty folder, where no file is that it may try to read besides.
    """
    with tempfile.TemporaryDirectory(prefix="vigie-model-") as folder:
        if alone:
            path = Path(folder) / Path(trial.path).name
            await asyncio.to_thread(shutil.copyfile, trial.path, path)
            trial = replace(trial, path=str(path))
        text = json.dumps(asdict(trial))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.modelcheck", text,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            cwd=folder, env=_environment(folder), start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, _ = await process.communicate()
        except TimeoutError:
            raise ModelError(f"It was not ready within {PATIENCE_S:.0f} seconds.") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return _read(out, process.returncode or 0)


def _environment(folder: str) -> dict[str, str]:
    """No setting and no secret of the server's: what a hostile file makes of the process must find nothing."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "HOME": folder, "TMPDIR": folder}


def _read(out: bytes, code: int) -> Checked:
    lines = out.decode("utf-8", "replace").splitlines()
    try:
        told: dict[str, Any] = json.loads(lines[-1])
        if "error" in told:
            raise ModelError(str(told["error"])[:500])
        return Checked(**{**told, "labels": tuple(told["labels"]), "output": tuple(told["output"])})
    except (IndexError, ValueError, TypeError, KeyError):
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise ModelError(f"It crashed the runtime, or took more memory or time than it may ({reason}).") from None


def look_over(trial: Trial) -> Checked:
    """All the checks, in this process. Raises :class:`ModelError`."""
    begun = time.monotonic()
    path = Path(trial.path)
    backend = load("inference", trial.backend).open_model(
        path, workers=1, device=trial.device, precision=trial.precision
    )
    info = backend.info
    outputs = []
    for height, width in SIDES:
        backend.prepare(height, width)
        outputs.append(backend.infer(np.full((height, width, 3), 114, np.uint8)))
        try:
            check_output(outputs[-1], len(info.labels))
        except ValueError as error:
            raise ModelError(f"At {width}x{height} {error}.") from error
    warm = time.monotonic()
    backend.infer(np.full((*SIDES[0], 3), 114, np.uint8))
    looked = time.monotonic()
    score = None
    if "gun" in info.labels:
        score = _known_gun(backend, trial.confidence)
    return Checked(
        info.labels,
        info.version,
        info.precision,
        outputs[0].shape,
        round((warm - begun) * 1000, 1),
        round((looked - warm) * 1000, 1),
        score,
    )


def _known_gun(backend: Any, confidence: float) -> float:
    """The score of the gun in the picture that comes with Vigie; a model that is blind to it is refused."""
    answer = json.loads(ANSWER.read_text("utf-8"))
    picture = cv2.imread(str(PICTURE))
    if picture is None:
        raise ModelError(f"The picture to check it with, {PICTURE.name}, cannot be read.")
    rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    image, letterbox = input_of_image(rgb, backend.info.size, backend.info.stride)
    seen = decode(backend.infer(image), letterbox, confidence, NMS_IOU)
    guns = seen.where(seen.classes == backend.info.labels.index("gun"))
    if len(guns):
        overlap = iou(guns.boxes, np.array([answer["box"]], np.float32))[:, 0]
        if (overlap >= SAME_IOU).any():
            return round(float(guns.scores[overlap >= SAME_IOU].max()), 3)
    raise ModelError(
        f"It does not see the gun in the picture that comes with Vigie at a score of {confidence:g}: see how it was "
        "exported."
    )


def _limit(trial: Trial) -> None:
    """What this process may take. Not the memory where it runs on a GPU: drivers map all of that."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    if trial.device in ("", "cpu"):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def main(text: str) -> int:
    """Check what the argument says; the result, or what is wrong, goes to standard output."""
    trial = Trial(**json.loads(text))
    _limit(trial)
    try:
        told: dict[str, Any] = asdict(look_over(trial))
    except (ModelError, PluginError) as error:
        told = {"error": str(error)}
    except MemoryError:
        told = {"error": "It wants more memory than a model may have."}
    print(f"\n{json.dumps(told)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

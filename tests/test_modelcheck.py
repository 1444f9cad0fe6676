"""Trying a model in a process of its own: what it finds out, and what a hostile one can do there."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from pathlib import Path

import pytest

from server import modelcheck
from server.config import BUNDLED_MODEL
from server.modelcheck import Trial, check
from server.plugins import ModelError

from .inference.models import write_model

pytestmark = pytest.mark.timeout(120)


def trial(path: Path, backend: str = "onnxruntime") -> Trial:
    return Trial(str(path), backend, "", "int8", 0.25)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
async def test_the_bundled_model_passes(backend: str) -> None:
    checked = await check(trial(BUNDLED_MODEL, backend), alone=False)
    assert checked.labels == ("gun",)
    assert checked.output == (5, 5040)
    assert checked.score is not None
    assert checked.score > 0.5


async def test_one_without_a_class_gun_is_not_shown_the_picture(tmp_path: Path) -> None:
    checked = await check(trial(write_model(tmp_path / "small.onnx", names="{0: 'bat'}")), alone=True)
    assert (checked.labels, checked.score) == (("bat",), None)


async def test_one_that_is_blind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not see the gun"):
        await check(trial(write_model(tmp_path / "small.onnx")), alone=True)


async def test_one_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a YOLOv8 detector"):
        await check(trial(write_model(tmp_path / "small.onnx", transposed=True)), alone=True)


def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """A process that does this in place of the check."""
    script = tmp_path / "stand_in"
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(modelcheck, "sys", types.SimpleNamespace(executable=str(script), platform=sys.platform))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("raise SystemExit(3)", "exit code 3"),
        ("print('{\"score\": 1}')", "exit code 0"),
        ("print('no JSON')", "exit code 0"),
        ('print(\'{"error": "Wrong."}\')', r"^Wrong\.$"),
    ],
)
async def test_a_process_that_dies_or_lies(
    code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path, code)
    with pytest.raises(ModelError, match=words):
        await check(trial(write_model(tmp_path / "small.onnx")), alone=True)


async def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, tmp_path, "import time; time.sleep(600)")
    monkeypatch.setattr(modelcheck, "PATIENCE_S", 0.5)
    with pytest.raises(ModelError, match="It was not ready within"):
        await check(trial(write_model(tmp_path / "small.onnx")), alone=True)


async def test_it_sees_no_setting_and_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_WHIP_TOKEN", "a-secret-of-the-server")
    code = "import json, os; print(json.dumps({'error': f'{sorted(os.listdir())} {sorted(os.environ)}'}))"
    stand_in(monkeypatch, tmp_path, code)
    with pytest.raises(ModelError) as caught:
        await check(trial(write_model(tmp_path / "small.onnx")), alone=True)
    assert str(caught.value).startswith("['small.onnx'] ")
    assert "VIGIE" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("bytearray(64 << 30)", "MemoryError"),
        ("import resource; print(resource.getrlimit(resource.RLIMIT_CPU))", r"\(120, 120\)"),
    ],
)
async def test_its_memory_and_time_are_bounded(code: str, words: str, tmp_path: Path) -> None:
    program = f"from server.modelcheck import Trial, _limit; _limit(Trial('', '', '', '', 0.25)); {code}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=tmp_path, env={"PYTHONPATH": str(modelcheck.ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert re.search(words, out.decode())

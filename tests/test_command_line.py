"""``python -m server`` as a person starts and stops it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import onnx
import pytest
from onnx import TensorProto, helper

from server import configuring
from server.__main__ import loaded_by, parser, sources_of
from server.config import BUNDLED_MODEL, CameraSettings, ConfigError, Settings

from .support.media import GUN_CLIP, gun_jpeg

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ("--host", "--port", "--data-dir", "--config", "--model", "--source")


def read(*arguments: str) -> Settings:
    """The settings that a command line gives."""
    return loaded_by(parser().parse_args(arguments)).settings


def sources(*arguments: str) -> list[CameraSettings]:
    """The cameras that a command line gives."""
    asked = parser().parse_args(arguments)
    return sources_of(asked, loaded_by(asked).settings.cameras)


async def started(*arguments: str, folder: Path) -> Process:
    """A process of the server, that shows warnings too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "1"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", *arguments, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE
    )


async def ended(process: Process) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a process that ends by itself."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def serving(*arguments: str, folder: Path) -> AsyncIterator[tuple[Process, str]]:
    """A server in a process of its own, and the address that it printed."""
    process = await started(*arguments, folder=folder)
    try:
        assert process.stdout
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        found = re.fullmatch(r"Vigie is ready: (http://\S+)\n", line)
        assert found, line or (await process.communicate())[1].decode()
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def stopped(process: Process, name: signal.Signals = signal.SIGTERM) -> str:
    """Ask a process to end; it must within 5 s, and without an error. Gives its log."""
    process.send_signal(name)
    assert process.stderr
    async with asyncio.timeout(5):
        log = (await process.stderr.read()).decode()
        assert await process.wait() == 0, log
    assert "Traceback" not in log
    assert "Warning" not in log
    return log


async def test_help_names_every_option(tmp_path: Path) -> None:
    code, out, _ = await ended(await started("--help", folder=tmp_path))
    assert code == 0
    for option in OPTIONS:
        assert re.search(rf"^  {option} \S+", out, re.MULTILINE), option


def test_options_take_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read("--host", "::1", "--port", "8123", "--data-dir", "/tmp/x", "--model", "other.onnx")
    assert (settings.host, settings.port) == ("::1", 8123)
    assert settings.data_dir == Path("/tmp/x")
    assert settings.detector.model == Path("other.onnx")
    assert settings.detector.backend == "openvino"


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 5000, Path("data"))
    assert settings.detector.model == BUNDLED_MODEL
    assert settings.cameras == ()
    assert sources() == []


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["rtsp://user:pass@gate.example:554/live"], ["gate.example"]),
        (["door=rtsp://10.0.0.7/live?a=b"], ["door"]),
        (["clips/front door.mp4"], ["front-door"]),
        (["/dev/video0"], ["video0"]),
        (["a.mp4", "b/a.mp4", "c/a.mp4"], ["a", "a-2", "a-3"]),
        (["a=1.mp4", "a=2.mp4"], ["a", "a-2"]),
        (["http://[fd00::7]/video"], ["fd00-7"]),
        (["clip=with=signs.mp4"], ["clip"]),
    ],
)
def test_sources_and_their_names(
    given: list[str], names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cameras = sources(*(part for source in given for part in ("--source", source)))
    assert [camera.name for camera in cameras] == names
    assert all(camera.loop for camera in cameras)
    for camera, source in zip(cameras, given, strict=True):
        assert source.replace("user:pass@", "").endswith(camera.url)


@pytest.mark.parametrize(
    "source", ["gopher://bob:hunter2@x/", "rtsp://bob:hunter2@[::1/live", "rtsp://", "rtsp:bob:hunter2@x", "a=", ""]
)
def test_a_source_that_cannot_be(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if source == "a=":  # a file may be called so
        assert [camera.url for camera in sources("--source", source)] == ["a="]
        return
    with pytest.raises(ConfigError, match=r"^The source .* cannot be a camera: .*\.$") as caught:
        sources("--source", source)
    assert "hunter2" not in str(caught.value)


def test_a_password_in_a_source_is_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (camera,) = sources("--source", "gate=rtsp://bob:hunter2@10.0.0.7/live")
    assert (camera.name, camera.url, camera.username) == ("gate", "rtsp://10.0.0.7/live", "bob")
    assert "hunter2" not in repr(camera)


def test_a_settings_file_lies_under_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("port: 7000\nhost: 0.0.0.0\ncameras: [{name: a, url: a.mp4}]\n")
    settings = read("--config", "mine.yaml", "--port", "7001", "--source", "b.mp4")
    assert (settings.host, settings.port) == ("0.0.0.0", 7001)
    assert [camera.name for camera in settings.cameras] == ["a"]
    assert [camera.name for camera in sources("--config", "mine.yaml", "--source", "a.mp4")] == ["a-2"]
    (tmp_path / "vigie.yaml").write_text("port: 7002\n")
    assert read().port == 7002
    with pytest.raises(ConfigError, match="no settings file"):
        read("--config", "none.yaml")


async def test_start_look_and_stop(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--data-dir", "here", "--host", "127.0.0.1", "--source", f"gate={GUN_CLIP}")
    async with serving(*arguments, folder=tmp_path) as (process, url):
        async with aiohttp.ClientSession() as http:
            async with http.get(url + "/api/v1/cameras") as answer:
                assert [camera["name"] for camera in (await answer.json())["cameras"]] == ["gate"]
            headers = {"Content-Type": "image/jpeg"}
            async with http.post(url + "/api/v1/detect", data=gun_jpeg(), headers=headers) as answer:
                assert (await answer.json())["detections"]
            async with http.ws_connect(url + "/api/v1/stream") as stream:
                await stream.receive_json()
                log = await stopped(process)
                assert (await stream.receive_json())["type"] in ("closed", "stats")
        assert "stopping" in log
    assert (tmp_path / "here").is_dir()


async def test_interrupt_stops_as_well(tmp_path: Path, data_dir: Path) -> None:
    async with serving("--port", "0", "--data-dir", str(data_dir), folder=tmp_path) as (process, _):
        await stopped(process, signal.SIGINT)


async def refused(folder: Path, *arguments: str) -> str:
    """The one sentence with which a start is refused."""
    code, out, err = await ended(await started("--port", "0", "--data-dir", "data", *arguments, folder=folder))
    assert code == 1
    assert out == ""
    assert "Traceback" not in err
    said = [line for line in err.splitlines() if line.startswith("vigie: ")]
    assert len(said) == 1, err
    return said[0]


async def test_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        said = await refused(tmp_path, "--port", str(other.getsockname()[1]))
    assert "address already in use" in said
    assert "--port" in said


async def test_a_missing_model(tmp_path: Path) -> None:
    assert "There is no model file none.onnx" in await refused(tmp_path, "--model", "none.onnx")


async def test_a_model_that_is_not_onnx(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    assert "text.onnx cannot be read as an ONNX model" in await refused(tmp_path, "--model", "text.onnx")


async def test_a_model_with_other_outputs(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 640, 640])
    result = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 3, 640, 640])
    node = helper.make_node("Identity", ["images"], ["output0"])
    graph = helper.make_graph([node], "same", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", "{0: 'gun'}"
    onnx.save(model, str(tmp_path / "same.onnx"))
    assert "same.onnx is not a YOLOv8 detector" in await refused(tmp_path, "--model", "same.onnx")


async def test_wrong_settings(tmp_path: Path) -> None:
    (tmp_path / "vigie.yaml").write_text("prot: 5000\n")
    assert "The settings are wrong" in await refused(tmp_path)


async def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    said = await refused(tmp_path)
    assert "data folder" in said
    assert "port" not in said


async def test_an_unknown_option(tmp_path: Path) -> None:
    code, _, err = await ended(await started("--prot", "1", folder=tmp_path))
    assert code == 2
    assert "unrecognized arguments: --prot" in err


async def test_the_settings_are_printed_checked_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "vigie.yaml"
    file.write_text("port: 8123\nwhip_token: hunter2-hunter2-hunter2\n")
    code, printed, _ = await ended(await started("config", folder=tmp_path))
    assert code == 0
    assert re.search(r"^port: 8123 +# vigie\.yaml, line 1$", printed, re.M)
    assert "hunter2" not in printed
    monkeypatch.chdir(tmp_path)
    configuring.run(["--check"])
    assert capsys.readouterr().out == "The settings are right: vigie.yaml and the environment.\n"
    configuring.run(["--schema"])
    assert json.loads(capsys.readouterr().out)["properties"]["port"]["maximum"] == 65535
    file.write_text("prot: 1\npolicy:\n  hits: 1\n")
    code, _, err = await ended(await started("config", "--check", folder=tmp_path))
    assert code == 1
    assert "prot: there is no such setting (vigie.yaml, line 1); did you mean port?" in err
    assert "policy.hits: Input should be greater than or equal to 2 (vigie.yaml, line 3)" in err


async def test_sighup_reads_the_settings_again_and_a_broken_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "vigie.yaml"
    file.write_text("log_format: json\n")
    async with serving("--port", "0", folder=tmp_path) as (process, _):
        assert process.stderr
        for text, words in (("log_format: json\npolicy: {hits: 4}\n", "policy.hits"), ("prot: 1\n", "nothing changed")):
            file.write_text(text)
            process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(20):
                while words not in json.loads(await process.stderr.readline())["message"]:
                    pass
        log = await stopped(process)
    messages = [json.loads(line)["message"] for line in log.splitlines()]
    assert "stopping" in messages

"""The whole server: cameras that fail or end, start, and what is left after it stops."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from server.app import running
from server.config import CameraSettings, ConfigError, DetectorSettings, load_settings
from server.plugins import ModelError, PluginError

from .support.browser import browser_of
from .support.leaks import Held, all_gone
from .support.media import GUN_CLIP, gun_jpeg
from .support.server import Client, Json, Server, client_of, own_folder, serving
from .support.waiting import eventually

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.usefixtures("nothing_left")


def short_clip(path: Path, seconds: float) -> Path:
    """A grey clip of 30 pictures a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(round(seconds * 30)):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


async def camera_in_state(client: Client, state: str) -> Json:
    """The one camera, once it is in this state."""

    async def found() -> Json:
        (body,) = (await client.get("/api/v1/cameras")).json()["cameras"]
        return dict(body) if body["state"] == state else {}

    return await eventually(found, f"a camera that is {state}")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/nowhere/clip.mp4", "there is no such file"),
        ("/dev/video99", "there is no such file or device"),
        ("rtsp://user:hunter2@127.0.0.1:1/live?token=hunter3", "nothing listens at this address and port"),
        ("rtmp://user:hunter2@127.0.0.1:1/live?token=hunter3", "nothing listens at this address and port"),
        ("http://user:hunter2@127.0.0.1:1/live?token=hunter3", "nothing listens at this address and port"),
        (__file__, "what it sends is not video that can be read"),
    ],
)
async def test_a_source_that_does_not_exist(
    data_dir: Path, url: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    camera = CameraSettings(name="gate", url=url)
    async with serving(data_dir, cameras=(camera,)) as server, client_of(server) as client:
        body = await camera_in_state(client, "retrying")
        assert body["reason"] == reason
        assert f"camera gate: {reason}; it is tried again" in caplog.text
        assert "hunter" not in str(body) + caplog.text
        await client.is_well()
        assert (await client.detect(gun_jpeg())).json()["detections"]
        async with browser_of(client) as late:
            await late.call("overlay", camera="gate")
            (stats, *_) = await late.wait_for("stats")
            assert stats["state"] in ("retrying", "connecting")


async def test_a_scheme_that_nobody_knows(data_dir: Path) -> None:
    with pytest.raises(ConfigError, match="no kind of camera for nonsense"):
        async with serving(data_dir, cameras=[{"name": "gate", "url": "nonsense://somewhere"}]):
            pass


async def test_a_source_that_ends_is_told_to_its_viewers(data_dir: Path, tmp_path: Path) -> None:
    camera = CameraSettings(name="gate", url=str(short_clip(tmp_path / "short.mp4", 4)))
    async with serving(data_dir, cameras=(camera,)) as server, client_of(server) as client:
        async with browser_of(client) as viewer:
            await viewer.call("burned_in", camera="gate")
            await viewer.wait_for_pictures(3)
            await eventually(lambda: viewer.of_type("stats")[-1:] and viewer.of_type("stats")[-1]["state"] == "ended")
        body = await camera_in_state(client, "ended")
        assert body["reason"] is None
        assert body["frames"]["seen"] == 120
        await eventually(client.is_idle)


async def test_a_source_in_a_loop_does_not_end(data_dir: Path, tmp_path: Path) -> None:
    camera = CameraSettings(name="gate", url=str(short_clip(tmp_path / "short.mp4", 0.5)), loop=True)
    async with serving(data_dir, cameras=(camera,)) as server, client_of(server) as client:

        async def seen() -> bool:
            return bool((await camera_in_state(client, "live"))["frames"]["seen"] > 40)

        await eventually(seen, "the clip's third time")


async def test_start_and_stop_leave_nothing(data_dir: Path) -> None:
    before, threads = Held.now(), set(threading.enumerate())
    camera = CameraSettings(name="gate", url=str(GUN_CLIP), loop=True)
    async with serving(data_dir, cameras=(camera,)) as server, client_of(server) as client:
        await camera_in_state(client, "live")
        await client.detect(gun_jpeg())
        assert Held.now().more_than(before)
    await all_gone(before)
    left = [thread.name for thread in set(threading.enumerate()) - threads]
    assert all(name.startswith("asyncio_") for name in left), "also the pools are closed"


async def test_stop_before_the_model_is_warm(tmp_path: Path) -> None:
    before = Held.now()
    async with serving(tmp_path, warm=False):
        pass
    await all_gone(before)


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "http", "https"])
async def test_stop_while_a_camera_connects(data_dir: Path, scheme: str) -> None:
    with socket.socket() as silent:  # takes the connection and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        before = Held.now()
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/live"
        camera = CameraSettings(name="gate", url=url)
        async with serving(data_dir, warm=False, cameras=(camera,)) as server, client_of(server) as client:
            await camera_in_state(client, "connecting")
            begun = time.monotonic()
        assert time.monotonic() - begun < 6, "a connection is waited for longer"
        await all_gone(before)


async def test_cameras_of_the_command_line_are_kept_nowhere(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    settings = load_settings(None, port=0, data_dir=folder)
    source = CameraSettings(name="gate", url="/nowhere.mp4")
    async with running(settings, [source]) as started, client_of(Server(started.url, settings)) as client:
        changed = await client.send("PATCH", "/api/v1/cameras/gate", json={"labels": ["a"]})
        assert changed.json()["labels"] == ["a"]
    assert not (folder / "cameras.json").exists()


async def test_the_token_for_pushes_is_made_once(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    tokens = set()
    for _ in range(2):
        async with serving(folder, warm=False):
            tokens.add((folder / "whip-token").read_text())
    assert len(tokens) == 1
    assert len(tokens.pop().strip()) >= 32
    assert (folder / "whip-token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"\xff\xfe\n"])
async def test_a_token_that_is_none(content: bytes, data_dir: Path, tmp_path: Path) -> None:
    """As a full disk leaves it. An empty token would let everybody push."""
    folder = own_folder(tmp_path / "data", data_dir)
    (folder / "whip-token").write_bytes(content)
    with pytest.raises(ConfigError, match="whip-token"):
        async with serving(folder, warm=False):
            pass


async def test_kept_cameras_that_cannot_be_read(data_dir: Path, tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "data", data_dir)
    (folder / "cameras.json").write_text("{")
    before = Held.now()
    with pytest.raises(ConfigError, match=r"cameras\.json"):
        async with serving(folder, warm=False):
            pass
    await all_gone(before)


async def test_a_taken_port(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        before = Held.now()
        with pytest.raises(OSError, match="address already in use"):
            async with serving(data_dir, port=other.getsockname()[1]):
                pass
        await all_gone(before)


async def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="data folder"):
        async with serving(tmp_path / "file" / "data"):
            pass


async def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    settings = load_settings(None, port=0, data_dir=tmp_path)
    wrong = settings.model_copy(update={"detector": DetectorSettings(model=tmp_path / "none.onnx")})
    with pytest.raises(ModelError, match="no model file"):
        async with running(wrong):
            pass


async def test_nobody_is_told_of_a_start() -> None:
    """OpenVINO's telemetry is not loaded, and no thread of it runs. In a process where nobody imported it before."""
    code = "import sys, threading, server.inference.openvino; from server.app import running"
    code += "; print('openvino_telemetry.main' in sys.modules, threading.active_count())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert out.decode().split() == ["False", "1"]


async def test_a_backend_that_is_not_there(tmp_path: Path) -> None:
    settings = load_settings(None, port=0, data_dir=tmp_path)
    wrong = settings.model_copy(update={"detector": DetectorSettings(backend="magic")})
    with pytest.raises(PluginError, match=r"openvino"):
        async with running(wrong):
            pass

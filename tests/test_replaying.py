"""``python -m server replay``: policies tried on recordings and on the clips of the fixtures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from server.config import ConfigError
from server.core.policy import ConfirmationPolicy
from server.core.replay import RecordingError, read_recording
from server.replaying import changes_of, pictures_of, run

from .support.media import FIXTURES, truth
from .support.server import Json, own_folder

ROOT = Path(__file__).resolve().parents[1]
HEADER = '{"feed":"door","labels":["gun"],"width":640,"height":480,"model":"yolo"}'
USUAL = ConfirmationPolicy()


@pytest.fixture
def folder(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the command, with compiled models in its data folder."""
    own_folder(tmp_path / "data", data_dir)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recording(folder: Path, *scores: float, name: str = "door.jsonl") -> str:
    lines = [
        json.dumps({"at": n / 10, "detections": [{"box": [0.4, 0.4, 0.5, 0.5], "score": score, "label": "gun"}]})
        for n, score in enumerate(scores)
    ]
    (folder / name).write_text("\n".join([HEADER, *lines]) + "\n")
    return name


def played(capsys: pytest.CaptureFixture[str], *arguments: str) -> Json:
    """What the command prints with ``--json``."""
    run([*arguments, "--json"])
    body = json.loads(capsys.readouterr().out)
    assert isinstance(body, dict)
    return body


def test_a_recording_as_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([recording(folder, 0.5, 0.6, 0.5), "--policy", "hits=4"])
    assert capsys.readouterr().out == (
        "door.jsonl: 3 looks in 0.2 s, model yolo\n"
        "  began  ended  label  best  hits  in force (p2-5e49beb050)  changed (p2-f5fd91dd03)\n"
        "  0.0 s  0.2 s  gun    60%   3     confirmed                 suspected\n"
        "  confirmed: 1 in force, 0 changed\n"
    )


def test_without_a_change_there_is_one_column(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([recording(folder, 0.5, 0.6, 0.5), recording(folder, name="empty.jsonl")])
    assert capsys.readouterr().out == (
        "door.jsonl: 3 looks in 0.2 s, model yolo\n"
        "  began  ended  label  best  hits  in force (p2-5e49beb050)\n"
        "  0.0 s  0.2 s  gun    60%   3     confirmed at 0.2 s\n"
        "  confirmed: 1 in force\n"
        "\n"
        "empty.jsonl: 0 looks in 0.0 s, model yolo\n"
        "  confirmed: 0 in force\n"
    )


def test_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = played(capsys, recording(folder, 0.5, 0.6, 0.5), "--policy", "hits=4", "dwell_s=0")
    assert body["policy"]["version"] == ConfirmationPolicy(hits=4).version
    assert body["against"] == {**USUAL.as_dict(), "version": USUAL.version}
    (file,) = body["files"]
    assert (file["looks"], file["confirmed"]) == (3, {"now": 0, "before": 1})
    assert [(event["now"], event["before"]) for event in file["events"]] == [("suspected", "confirmed")]


def test_the_policy_in_force_is_that_of_the_settings_and_of_the_camera(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "vigie.yaml").write_text(
        "policy: {hits: 2}\ncameras: [{name: gate, url: 'rtsp://10.0.0.1/x', policy: {hits: 4}}]"
    )
    name = recording(folder, 0.5, 0.6, 0.5)
    assert played(capsys, name)["against"]["hits"] == 2
    body = played(capsys, name, "--camera", "gate", "--policy", "span_s=0.1")
    assert (body["against"]["hits"], body["policy"]["hits"], body["policy"]["span_s"]) == (4, 4, 0.1)
    with pytest.raises(ConfigError, match="no camera named 'door'"):
        run([name, "--camera", "door"])


CASES = [("gun-pan.mp4", 1), ("gun-walk-720p.mp4", 1), ("gun-flash.mp4", 0), ("people-720p.mp4", 0)]


@pytest.mark.parametrize(("clip", "confirmed"), CASES)
def test_the_clips(folder: Path, capsys: pytest.CaptureFixture[str], clip: str, confirmed: int) -> None:
    """Each gun in sight is confirmed within a second, in the time in which it is; a flash and people are not."""
    (file,) = played(capsys, str(FIXTURES / clip))["files"]
    facts = truth(FIXTURES / clip)
    assert file["looks"] == pytest.approx(10 * facts["seconds"], abs=1)
    events = [event for event in file["events"] if event["confirmed_at"]]
    assert len(events) == confirmed
    for event, visible in zip(events, facts["visible"], strict=False):  # what is in sight for a flash is not confirmed
        assert visible["start_s"] <= _seconds(event["first_seen"]) <= visible["start_s"] + 0.5
        assert _seconds(event["last_seen"]) <= visible["end_s"]
        assert _seconds(event["confirmed_at"]) <= visible["start_s"] + 1


def test_a_gun_is_confirmed_where_every_picture_is_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Thirty looks a second, as a quick machine takes them: the last five of them are soon over."""
    (folder / "quick.yaml").write_text("detector: {look_rate: 30}\n")
    (file,) = played(capsys, str(FIXTURES / "gun-pan.mp4"), "--config", "quick.yaml")["files"]
    assert file["looks"] == pytest.approx(300, abs=1)
    assert [event["confirmed_at"] is not None for event in file["events"]] == [True]


def test_a_dwell_puts_off_the_alarm(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clip is looked at once, its recording kept, and other policies are tried on that."""
    run([str(FIXTURES / "gun-pan.mp4"), "--save", "pan.jsonl"])
    capsys.readouterr()
    assert read_recording((folder / "pan.jsonl").read_text().splitlines()).model == "gun-yolov8n"
    (now,) = played(capsys, "pan.jsonl")["files"][0]["events"]
    (later,) = played(capsys, "pan.jsonl", "--policy", "dwell_s=3")["files"][0]["events"]
    assert _seconds(later["confirmed_at"]) - _seconds(now["first_seen"]) == pytest.approx(3, abs=0.15)
    elsewhere = played(capsys, "pan.jsonl", "--policy", "zones=[[[0,0],[0.1,0],[0.1,0.1]]]")
    assert elsewhere["files"][0]["confirmed"] == {"now": 0, "before": 1}


def test_the_zones_and_masks_of_a_camera(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = [[0, 0], [1, 0], [1, 1], [0, 1]]
    corner = [[0, 0], [0.1, 0], [0.1, 0.1]]
    cameras = [
        {"name": "masked", "url": "rtsp://10.0.0.1/x", "masks": [everything], "look_rate": 2},
        {"name": "zoned", "url": "rtsp://10.0.0.1/x", "zones": [corner]},
    ]
    (folder / "vigie.yaml").write_text(json.dumps({"cameras": cameras}))
    for name, looks in (("masked", 20), ("zoned", 100)):
        (file,) = played(capsys, str(FIXTURES / "gun-pan.mp4"), "--camera", name)["files"]
        assert (file["events"], file["looks"]) == ([], pytest.approx(looks, abs=1))


def test_pictures_are_taken_at_the_rate_asked_for() -> None:
    for rate, expected in ((10, 60), (4, 24), (30, 180), (60, 180)):
        times = [at for at, _ in pictures_of(FIXTURES / "gun-flash.mp4", rate)]
        assert len(times) == pytest.approx(expected, abs=1)
        assert times[0] == 0
        assert all(abs(at - n / min(rate, 30)) < 0.04 for n, at in enumerate(times))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["."], r"\.: Is a directory"),
        (["broken.jsonl"], "broken.jsonl: line 2: at must be a number"),
        (["latin.jsonl"], "latin.jsonl: it is no text"),
        (["text.txt"], "text.txt: what it sends is not video that can be read"),
        (["sound.wav"], "sound.wav: there is no video in it"),
    ],
)
def test_a_file_that_is_of_no_use(folder: Path, arguments: list[str], words: str) -> None:
    (folder / "broken.jsonl").write_text(f"{HEADER}\n{{}}\n")
    (folder / "latin.jsonl").write_bytes(b'{"feed":"\xe9"}')
    (folder / "text.txt").write_text("hello\n" * 10)
    with av.open(str(folder / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(RecordingError, match=words):
        run(arguments)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["hits"], "KEY=VALUE, which 'hits' is not"),
        (["hits=four"], "The value of hits is not a number or a list"),
        (["hits=9"], "9 hits cannot be among the last 5"),
        (["hits=1"], "hits: Input should be greater than or equal to 2"),
        (["speed=1"], "speed: Extra inputs are not permitted"),
    ],
)
def test_a_policy_that_makes_no_sense(pairs: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changes_of(pairs, USUAL)


def test_only_one_recording_can_be_written(folder: Path) -> None:
    name = recording(folder, 0.5)
    with pytest.raises(ConfigError, match="one FILE only"):
        run([name, name, "--save", "x.jsonl"])
    with pytest.raises(ConfigError, match=r"cannot be written to nowhere/x\.jsonl"):
        run([name, "--save", "nowhere/x.jsonl"])


def test_as_a_person_calls_it(folder: Path) -> None:
    recording(folder, 0.5, 0.5, 0.5)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "1"}
        command = [sys.executable, "-m", "server", "replay", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)

    told = call("door.jsonl")
    assert (told.returncode, told.stderr) == (0, "")
    assert "confirmed at 0.2 s" in told.stdout
    failed = call("nowhere.jsonl")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "vigie: nowhere.jsonl: No such file or directory\n"


def _seconds(text: str) -> float:
    """Seconds of a time that began at the epoch."""
    return float(text[14:16]) * 60 + float(text[17:23])


def test_who_stops_reading_gets_no_word_of_ports(folder: Path) -> None:
    # More than a pipe holds, so that the end of the reader is felt while it is written.
    names = [recording(folder, *(score for _ in range(40) for score in (0.5, 0.6, 0.5) + (0.0,) * 30))] * 40
    command = [sys.executable, "-m", "server", "replay", *names, "--json"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.read(1)
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 1

"""Settings: which wins, and what a mistake is called."""

from __future__ import annotations

import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import SecretStr

from server.config import (
    BUNDLED_MODEL,
    CameraSettings,
    ConfigError,
    PolicyChanges,
    Settings,
    load_settings,
    read_settings,
)
from server.config.live import LIVE, changed, flat, is_live, with_live
from server.config.schema import settings_schema
from server.configuring import lines_of
from server.core.policy import ConfirmationPolicy


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("VIGIE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vigie.yaml"


def mistakes(path: Path | None, **given: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, **given)
    return str(caught.value)


def test_defaults_need_nothing() -> None:
    settings = load_settings(None)
    assert (settings.host, settings.port, settings.cameras, settings.cors_origins) == ("127.0.0.1", 5000, (), ())
    assert settings.detector.model == BUNDLED_MODEL
    assert BUNDLED_MODEL.is_file()
    assert settings.detector.workers >= 1


def test_command_line_before_environment_before_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("port: 1000\nhost: file\nlog_level: DEBUG\n")
    monkeypatch.setenv("VIGIE_PORT", "2000")
    monkeypatch.setenv("VIGIE_HOST", "environment")
    settings = load_settings(file, port=3000)
    assert (settings.port, settings.host, settings.log_level) == (3000, "environment", "DEBUG")


def test_a_section_is_put_together_from_all(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("detector:\n  workers: 3\n  confidence: 0.3\n")
    monkeypatch.setenv("VIGIE_DETECTOR__CONFIDENCE", "0.4")
    settings = load_settings(file)
    assert (settings.detector.workers, settings.detector.confidence, settings.detector.backend) == (3, 0.4, "openvino")


def test_the_environment_does_not_stick(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("port: 1000\n")
    assert load_settings(file).port == 1000
    assert load_settings(None).port == 5000
    assert Settings.file_values is None


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://a.org", ("https://a.org",)),
        ("https://a.org, https://b.org,", ("https://a.org", "https://b.org")),
        ("*", ("*",)),
        ("", ()),
    ],
)
def test_origins_in_the_environment_are_separated_by_commas(
    text: str, origins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_CORS_ORIGINS", text)
    assert load_settings(None).cors_origins == origins


def test_origins_in_the_file_are_a_list(file: Path) -> None:
    file.write_text("cors_origins:\n  - https://a.org\n  - https://b.org\n")
    assert load_settings(file).cors_origins == ("https://a.org", "https://b.org")


def test_cameras(file: Path) -> None:
    file.write_text("cameras:\n  - {name: door, url: 'rtsp://camera/1'}\n  - {name: hall, url: hall.mp4, loop: true}\n")
    assert [(camera.name, camera.loop) for camera in load_settings(file).cameras] == [("door", False), ("hall", True)]


def test_every_mistake_is_named_and_no_value_with_it(file: Path) -> None:
    file.write_text(
        "port: 70000\nprot: 5\ndetector: {confidence: 7, wrokers: 2}\npolicy: {hits: 1}\n"
        "cameras: [{name: 'a b', url: 'rtsp://u:secret@camera/1'}]\n"
    )
    said = mistakes(file)
    for where in ("port:", "prot:", "detector.confidence:", "detector.wrokers:", "policy.hits:", "cameras.0.name:"):
        assert f"\n  {where}" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("policy: {hits: 6, of: 5}", "policy: .*6 hits cannot be among the last 5"),
        ("detector: {confidence: 0.2, weak_confidence: 0.3}", "weak_confidence must not be above"),
        ("cameras: [{name: a, url: x}, {name: a, url: y}]", "two cameras are named a"),
        ("cameras: [{name: a, url: 'nonsense://x'}]", r"cameras\.0\.url: .*no kind of camera for nonsense: URLs"),
        ("cameras: [{name: a, url: 'rtsp://'}]", r"cameras\.0\.url: .*names no host"),
        ("cameras: [{name: a, url: x, masks: [[[0, 0], [1, 1]]]}]", r"cameras\.0\.masks\.0"),
        ("cameras: [{name: a, url: x, look_rate: .nan}]", r"cameras\.0\.look_rate"),
        ("fleet: {networks: [10.0.0.1/8]}", r"fleet\.networks"),
        ("fleet: {networks: [everywhere]}", r"fleet\.networks"),
        ("fleet: {most_cameras: -1}", r"fleet\.most_cameras"),
        ("whip_token: short", "whip_token"),
        ("cameras: [{name: '', url: x}]", r"cameras\.0\.name"),
        ("cameras: [{name: a, url: ''}]", r"cameras\.0\.url"),
        ("detector: {backend: [1]}", r"detector\.backend"),
        ("limits: {sessions: 0}", r"limits\.sessions"),
        ("log_level: LOUD", "log_level"),
    ],
)
def test_what_cannot_be_is_refused(text: str, words: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_settings(file)


@pytest.mark.parametrize("name", ["VIGIE_PORT", "VIGIE_DETECTOR__WORKERS"])
def test_a_mistake_in_the_environment_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "many")
    assert name.removeprefix("VIGIE_").lower().replace("__", ".") in mistakes(None)


def test_an_unknown_part_of_a_section_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_DETECTOR__WROKERS", "2")
    assert "detector.wrokers" in mistakes(None)


def test_an_environment_value_that_is_not_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_CAMERAS", "[{name: door, url: rtsp://u:secret@c")
    said = mistakes(None)
    assert "cameras" in said
    assert "secret" not in said


def test_an_unknown_setting_given_is_refused() -> None:
    assert "colour" in mistakes(None, colour="red")


def test_a_file_that_is_not_there(file: Path) -> None:
    assert mistakes(file) == f"There is no settings file {file}."


@pytest.mark.parametrize(
    "text", ["port: [1, 2", "\tport: 1", "port: 1\nurl: rtsp://u:secret@c: x: y", "- a\n- b", "just words", "\x00"]
)
def test_a_file_that_is_no_settings(text: str, file: Path) -> None:
    file.write_text(text)
    said = mistakes(file)
    assert said.startswith(("The settings cannot be read:", "The settings are wrong:"))
    assert "secret" not in said


def test_a_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xfa port: 1")
    assert mistakes(file).startswith("The settings cannot be read:")


def test_an_empty_file_is_no_settings_at_all(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert load_settings(file).port == 5000


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(None)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.detector.workers = 1  # type: ignore[misc]


# --- cameras ---------------------------------------------------------------------------------------------------------


def test_user_and_password_are_taken_out_of_the_url() -> None:
    camera = CameraSettings(name="a", url=" rtsp://b%40b:p%3Aw@camera/1?q=1 ")
    assert (camera.url, camera.username) == ("rtsp://camera/1?q=1", "b@b")
    assert camera.password
    assert camera.password.get_secret_value() == "p:w"
    assert "p:w" not in repr(camera) + str(camera) + camera.model_dump_json()


def test_what_is_given_apart_stands_over_the_url() -> None:
    camera = CameraSettings(name="a", url="rtsp://bob:old@camera/", password=SecretStr("new"))
    assert camera.username == "bob"
    assert camera.password == SecretStr("new")


def test_everything_a_camera_may_have(file: Path) -> None:
    file.write_text(
        "cameras:\n  - {name: yard, url: 'rtsp://camera/1', transport: udp, username: bob, password: pw,\n"
        "     look_rate: 2.5,\n"
        "     zones: [[[0, 0], [1, 0], [0.5, 1]]], masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]], motion_gate: false,\n"
        "     enabled: false, labels: [gate, yard, gate]}\n"
        "fleet: {networks: [10.0.0.0/8, 'fd00::/8'], schemes: [rtsp]}\n"
    )
    settings = load_settings(file)
    (camera,) = settings.cameras
    assert (camera.transport, camera.username, camera.look_rate) == ("udp", "bob", 2.5)
    assert camera.zones == (((0, 0), (1, 0), (0.5, 1)),)
    assert (camera.motion_gate, camera.enabled, camera.labels) == (False, False, ("gate", "yard"))
    assert settings.fleet.networks == ("10.0.0.0/8", "fd00::/8")
    assert camera.kind == "rtsp"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"labels": ("a",)}, True),
        ({"masks": (((0, 0), (1, 0), (1, 1)),)}, True),
        ({"zones": (((0, 0), (1, 0), (1, 1)),)}, True),
        ({"look_rate": 1.0}, True),
        ({"motion_gate": False}, True),
        ({"url": "rtsp://camera/2"}, False),
        ({"transport": "udp"}, False),
        ({"username": "eve"}, False),
        ({"password": SecretStr("x")}, False),
        ({"loop": True}, False),
        ({"enabled": False}, False),
    ],
)
def test_which_changes_need_the_stream_opened_again(change: dict[str, object], same: bool) -> None:
    camera = CameraSettings(name="a", url="rtsp://bob:pw@camera/1")
    assert camera.same_stream(camera.model_copy(update=change)) is same


def test_a_fleet_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_FLEET__MOST_CAMERAS", "3")
    monkeypatch.setenv("VIGIE_FLEET__NETWORKS", '["10.0.0.0/8"]')
    monkeypatch.setenv("VIGIE_WHIP_TOKEN", "0123456789abcdef")
    settings = load_settings(None)
    assert (settings.fleet.most_cameras, settings.fleet.networks) == (3, ("10.0.0.0/8",))
    assert "0123456789abcdef" not in repr(settings)


def test_a_camera_may_have_a_policy_of_its_own_that_says_only_what_differs() -> None:
    door = {"name": "door", "url": "rtsp://10.0.0.1/x", "policy": {"hits": 4, "zones": [[[0, 0], [1, 0], [1, 1]]]}}
    yard = {**door, "name": "yard", "policy": None}
    settings = load_settings(None, policy={"median_score": 0.5}, cameras=[door, yard])
    usual = settings.policy.policy()
    own = settings.cameras[0].policy_over(usual)
    assert (own.hits, own.median_score, own.zones) == (4, 0.5, (((0, 0), (1, 0), (1, 1)),))
    assert settings.cameras[1].policy_over(usual) == usual


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"hits": 9}, "the policy of camera door cannot be: 9 hits cannot be among the last 5"),
        ({"window_s": 0.1}, r"camera door cannot be: 0\.15 s \(span_s\) never pass within 0\.1 s"),
        ({"hit": 3}, r"cameras\.0\.policy\.hit: there is no such setting .*did you mean hits"),
        ({"dwell_s": 61}, r"cameras\.0\.policy\.dwell_s: .* less than or equal to 60"),
        ({"zones": [[[0, 0], [1, 1]]]}, r"cameras\.0\.policy\.zones\.0: .* at least 3"),
    ],
)
def test_a_policy_of_a_camera_that_makes_no_sense_is_named(policy: dict[str, object], words: str) -> None:
    told = mistakes(None, cameras=[{"name": "door", "url": "rtsp://10.0.0.1/x", "policy": policy}])
    assert re.search(words, told), told


@pytest.mark.parametrize("policy", [{"hits": 6}, {"span_s": 3}])
def test_a_usual_policy_that_makes_no_sense_is_named(policy: dict[str, object]) -> None:
    assert "  policy: " in mistakes(None, policy=policy)


def test_a_camera_whose_policy_no_longer_goes_with_the_usual_one_has_the_usual_one() -> None:
    """It was kept when the usual one was another, and the server must start."""
    camera = CameraSettings(name="door", url="rtsp://10.0.0.1/x", policy=PolicyChanges(hits=5))
    assert camera.policy_in_force(ConfirmationPolicy(of=4)) == ConfirmationPolicy(of=4)
    assert camera.policy_in_force(ConfirmationPolicy(of=6)) == ConfirmationPolicy(hits=5, of=6)


# --- where things come from ------------------------------------------------------------------------------------------


def test_each_setting_says_where_it_comes_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(
        "# first\nhost: here\ndetector:\n  workers: 3\n  confidence: 0.3\ncameras:\n  - {name: a, url: x}\n"
    )
    monkeypatch.setenv("VIGIE_DETECTOR__CONFIDENCE", "0.4")
    loaded = read_settings(file, {"port": 1, "detector": {"model": "m.onnx"}})
    told = {name: loaded.origin(name) for name in flat(loaded.settings)}
    assert told["host"] == f"{file}, line 2"
    assert told["detector.workers"] == f"{file}, line 4"
    assert told["detector.confidence"] == "VIGIE_DETECTOR__CONFIDENCE"
    assert told["detector.model"] == "command line"
    assert told["port"] == "command line"
    assert told["cameras.0.name"] == f"{file}, line 7"
    assert told["log_level"] == "default"


def test_every_mistake_at_once_with_its_line_and_a_hint(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("prot: 5\nhost: a\nhost: b\ndetector:\n  wrokers: 2\nconfidence: 0.3\ncameras:\n  - {nmae: a}\n")
    monkeypatch.setenv("VIGIE_LIMITS__SESSIONS", "0")
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    found = {mistake.name: (mistake.line, mistake.hint, mistake.origin) for mistake in caught.value.mistakes}
    assert found == {
        "prot": (1, "did you mean port?", ""),
        "host": (3, "", ""),
        "detector.wrokers": (5, "did you mean workers?", ""),
        "confidence": (6, "did you mean detector.confidence?", ""),
        "cameras.0.nmae": (8, "did you mean name?", ""),
        "cameras.0.name": (8, "", ""),
        "cameras.0.url": (8, "", ""),
        "limits.sessions": (None, "", "VIGIE_LIMITS__SESSIONS"),
    }


def test_a_variable_that_nothing_reads_is_named_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_PROT", "tcp://10.0.0.1:5000")
    (stranger,) = read_settings(None, {}).strangers
    assert str(stranger) == "VIGIE_PROT: there is no such setting; did you mean VIGIE_PORT?"


def test_no_secret_is_printed(file: Path) -> None:
    file.write_text(
        "whip_token: hunter2-hunter2-hunter2\ndatabase: 'postgresql://u:hunter2@h/d'\n"
        "mqtt: {url: 'mqtt://u:hunter2@h'}\nice: {turn: ['turn:h'], turn_secret: hunter2-hunter2-hunter2}\n"
        "cameras:\n  - {name: a, url: 'rtsp://u:hunter2@h/1?key=hunter2', password: hunter2}\n"
    )
    printed = "\n".join(lines_of(read_settings(file, {})))
    assert "hunter2" not in printed
    assert re.search(r"^ice\.turn_secret: \(hidden\) +# .*, line 4, live$", printed, re.M)
    assert re.search(r"^cameras\.0\.url: rtsp://h/1\?\.\.\. +# .*, line 6$", printed, re.M)


def test_the_schema_holds_what_the_settings_hold(file: Path) -> None:
    check = jsonschema.Draft202012Validator(settings_schema())
    for text, right in [("port: 5", True), ("prot: 5", False), ("port: 70000", False), ("policy: {hits: 1}", False)]:
        assert check.is_valid(yaml.safe_load(text)) is right, text
        file.write_text(text)
        if right:
            load_settings(file)
        else:
            mistakes(file)


def test_what_is_live_exists_and_is_taken_over_alone() -> None:
    old = load_settings(None)
    new = load_settings(None, port=1, log_level="DEBUG", policy={"hits": 4}, limits={"idle_s": 3})
    new = new.model_copy(update={"detector": new.detector.model_copy(update={"look_rate": 5, "workers": 63})})
    live, rest = changed(old, new)
    assert live == ["log_level", "detector.look_rate", "policy.hits", "limits.idle_s"]
    assert rest == ["port", "detector.workers"]
    assert changed(old, with_live(old, new)) == (live, [])
    assert all(any(is_live(name) and f"{name}.".startswith(f"{part}.") for name in flat(old)) for part in LIVE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ice: {stun: ['http://x']}", r"ice\.stun: a server is given as stun:HOST:PORT"),
        ("ice: {turn: ['stun:x']}", r"ice\.turn: a server is given as turn:HOST"),
        ("ice: {turn: ['turn:x']}", "a TURN server needs turn_secret"),
        ("ice: {turn: ['turns:x?transport=udp'], turn_secret: 0123456789abcdef}", "TLS over TCP"),
        ("ice: {public_address: gate}", r"ice\.public_address"),
        ("ice: {port_min: 5000}", "port_min and port_max go together"),
        ("ice: {port_min: 5001, port_max: 5000}", "must not be above"),
    ],
)
def test_ways_for_media_that_cannot_be(text: str, words: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_settings(file)

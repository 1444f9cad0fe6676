"""Kinds are found by the names of their modules, and refused in words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from server.plugins import PluginError, SourceRequest, Stop, kinds, load


class Missing:
    """A finder for which a package is not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.split(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def test_kinds_are_the_modules_of_the_family() -> None:
    assert {"onnxruntime", "openvino"} <= set(kinds("inference"))
    assert kinds("sources") == ["file", "http", "rtmp", "rtsp", "v4l2"]
    assert "__init__" not in kinds("sources")


@pytest.mark.parametrize("family", ["inference", "sources"])
def test_every_kind_loads_and_has_its_door(family: str) -> None:
    door = {"inference": "open_model", "sources": "open_source"}[family]
    for kind in kinds(family):
        assert callable(getattr(load(family, kind), door))


@pytest.mark.parametrize("kind", ["tensorflow", "", "../config", "__init__", "OpenVINO"])
def test_an_unknown_kind_is_refused_with_the_known_ones(kind: str) -> None:
    with pytest.raises(PluginError) as caught:
        load("inference", kind)
    assert repr(kind) in str(caught.value)
    assert "onnxruntime, openvino" in str(caught.value)


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino"])
def test_a_kind_whose_library_is_missing_says_which(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] == kind or name == f"server.inference.{kind}":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(kind), *sys.meta_path])
    with pytest.raises(PluginError) as caught:
        load("inference", kind)
    message = str(caught.value)
    assert f"needs the Python package '{kind}', which is not installed" in message
    other = {"onnxruntime": "openvino", "openvino": "onnxruntime"}[kind]
    assert f"choose another kind: {other}" in message


# --- Stop ------------------------------------------------------------------------------------------------------------


def test_a_stop_calls_back_whoever_waits_and_once() -> None:
    stop, calls = Stop(), list[str]()
    with stop.calling(lambda: calls.append("a")):
        with stop.calling(lambda: calls.append("left")):
            pass
        assert not stop.is_set()
        stop.set()
        stop.set()
    assert calls == ["a"]
    assert stop.is_set()


def test_who_comes_after_the_stop_is_called_at_once() -> None:
    stop, calls = Stop(), list[str]()
    stop.set()
    with stop.calling(lambda: calls.append("late")):
        assert calls == ["late"]
    assert stop.wait(20)
    assert stop.wait(-1)


def test_many_come_and_go_while_the_stop_is_told() -> None:
    stop, calls = Stop(), list[int]()

    def come(number: int) -> None:
        with stop.calling(lambda: calls.append(number)):
            stop.wait(20)

    threads = [threading.Thread(target=come, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(calls) == list(range(20))
    assert not stop._calls


def test_a_request_shows_no_password() -> None:
    assert "s3cr3t" not in repr(SourceRequest("rtsp://camera/", Stop(), "bob", "s3cr3t"))

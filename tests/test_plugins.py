"""Kinds are found by the names of their modules, and refused in words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from server.plugins import PluginError, kinds, load


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
    assert "ffmpeg" in kinds("sources")
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

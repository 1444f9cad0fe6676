"""Imports point one way: a file may import only from the rows below its own."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server"

ROWS: dict[str, float] = {
    "__main__": 7,
    "app": 6,
    "configuring": 6,
    "doctor": 6.1,
    # A command may build on another.
    "detecting": 6.2,
    "batch": 6.1,
    "replaying": 6,
    "accounts": 6,
    "edge": 5,
    # Row 4 has an order of its own.
    "checks": 4.5,
    "conditions": 4.4,
    "verdicts": 4.4,
    "cameras": 4.3,
    "camera": 4.2,
    "probe": 4.2,
    "reader": 4.1,
    "feed": 4,
    # So has row 3: from the store up to what puts it together with who tells of it.
    "keeping": 3.3,
    "notices": 3.2,
    "access": 3.1,
    "auditlog": 3.1,
    "evidence": 3.1,
    "housekeeping": 3.1,
    "journal": 3.1,
    "models": 3.1,
    "modelshelf": 3.01,
    "outbox": 3.1,
    "recordings": 3.1,
    "catalogue": 3,
    "detector": 3,
    "looker": 2.9,
    "modelcheck": 3,
    "store": 3,
    "alerts": 2,
    "sources": 2,
    "inference": 2,
    # And row 1: from the seams up to what the kinds of sources share.
    "playing": 1.3,
    "reloading": 1.3,
    "config": 1.2,
    "addresses": 1.1,
    "relay": 1.1,
    "urls": 1.1,
    "aside": 1,
    "background": 1,
    "broadcast": 1,
    "logs": 1,
    "memory": 1,
    "metrics": 1,
    "modelfile": 1.1,
    "plugins": 1,
    "presence": 1,
    "tls": 1.3,
    "steadyclock": 1,
    "video": 1,
    "wire": 1,
    "core": 0,
    "": -1,  # server/__init__.py: the version
}

OWN_KIND = ("config", "core", "edge", "evidence", "outbox", "store")
"""Packages whose modules may import one another."""

CV2 = {"core/yolo.py", "core/drawing.py", "core/motion.py", "core/regions.py"}
NOT_IN_CORE = {
    *("asyncio", "concurrent", "ctypes", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "queue"),
    *("random", "sched", "secrets", "select", "selectors", "shutil", "signal", "socket", "subprocess", "tempfile"),
    *("threading", "time", "urllib"),
}
PURE = ("urllib.parse.", "datetime.UTC", "datetime.datetime")
"""Parts of those that take values and give values; what in them asks for the time is looked for apart."""

CLOCK = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\b")

ONLY_AT = {
    **dict.fromkeys(("aiortc", "aioice"), ("edge/", "app.py")),
    "aiohttp.web": ("edge/", "app.py"),
    "aiohttp": ("edge/", "app.py", "alerts/"),
    **dict.fromkeys(("aiomqtt", "paho"), ("alerts/",)),
    **dict.fromkeys(("sqlalchemy", "alembic"), ("store/",)),
    "obstore": ("evidence/",),
    "argon2": ("access.py",),
    **dict.fromkeys(("urllib.request", "urllib.error", "http.client"), ("sources/",)),
}
"""What leads out of the process or in is known at few places."""


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that a file of ``server/`` imports, wherever in it."""
    package = ["server", *Path(path).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            for name in node.names:
                yield node.lineno, ".".join([*stem, name.name])


def place(dotted: str) -> tuple[str, str]:
    """Row and module of a dotted name within ``server``: ``server.core.yolo.nms`` -> ``core``, ``core.yolo``."""
    parts = dotted.split(".")[1:]
    if not parts or parts[0] not in ROWS:
        return "", ""
    return parts[0], ".".join(parts[:2]) if (SERVER / parts[0]).is_dir() else parts[0]


def mistakes(path: str, source: str) -> list[str]:
    """What a file of ``server/`` imports and may not."""
    own_row, own_module = place("server." + path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    found = []
    for line, dotted in imports(path, source):
        top = dotted.split(".")[0]
        if top == "server":
            row, module = place(dotted)
            if module == own_module or (row == own_row and row in OWN_KIND):
                continue
            if ROWS[row] >= ROWS[own_row]:
                found.append(f"{path}:{line} imports {dotted}: row {ROWS[row]} from row {ROWS[own_row]}")
        elif own_row == "core" and not (
            (top in sys.stdlib_module_names and (top not in NOT_IN_CORE or dotted.startswith(PURE)))
            or top == "numpy"
            or (top == "cv2" and path in CV2)
        ):
            found.append(f"{path}:{line} imports {dotted}: the core is pure")
        for known, places in ONLY_AT.items():
            if f"{dotted}.".startswith(f"{known}.") and not path.startswith(places) and own_row != "core":
                found.append(f"{path}:{line} imports {dotted}: that is known in {' and '.join(places)} only")
                break
    return found


FILES = sorted(file.relative_to(SERVER).as_posix() for file in SERVER.rglob("*.py"))


@pytest.mark.parametrize("path", FILES)
def test_imports_point_down(path: str) -> None:
    assert mistakes(path, (SERVER / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith("core/")])
def test_the_core_asks_no_clock(path: str) -> None:
    assert not CLOCK.search((SERVER / path).read_text(encoding="utf-8"))


def test_every_file_has_a_row() -> None:
    assert {path.split("/")[0].removesuffix(".py") for path in FILES} - {"__init__"} <= set(ROWS)


def test_the_core_has_no_circles() -> None:
    graph = {
        path: {f"core/{place(dotted)[1].removeprefix('core.')}.py" for _, dotted in imports(path, text)} - {path}
        for path, text in ((p, (SERVER / p).read_text(encoding="utf-8")) for p in FILES if p.startswith("core/"))
    }
    while leaves := [path for path, needs in graph.items() if not needs & set(graph)]:
        for path in leaves:
            del graph[path]
    assert graph == {}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/yolo.py", "import asyncio"),
        ("core/yolo.py", "def f():\n    import time"),
        ("core/yolo.py", "from os import path"),
        ("core/yolo.py", "import onnxruntime"),
        ("core/yolo.py", "from ..plugins import ModelInfo"),
        ("core/yolo.py", "from server.config import Settings"),
        ("core/tracking.py", "import cv2"),
        ("core/watch.py", "import cv2"),
        ("core/motion.py", "import time"),
        ("core/watch.py", "from ..feed import Feed"),
        ("core/tracking.py", "import concurrent.futures"),
        ("plugins.py", "from .detector import Detector"),
        ("plugins.py", "from .config import Settings"),
        ("plugins.py", "from . import broadcast"),
        ("plugins.py", "from .urls import redacted"),
        ("urls.py", "from .addresses import AddressRule"),
        ("addresses.py", "from .config import FleetSettings"),
        ("config/base.py", "from ..playing import Playback"),
        ("playing.py", "from .feed import Feed"),
        ("sources/http.py", "from . import rtsp"),
        ("sources/http.py", "from .rtsp import open_source"),
        ("sources/http.py", "from ..inference.openvino import open_model"),
        ("sources/http.py", "from ..catalogue import Catalogue"),
        ("catalogue.py", "from .feed import Feed"),
        ("reader.py", "from .camera import Camera"),
        ("probe.py", "from .camera import Camera"),
        ("camera.py", "from .probe import probe"),
        ("camera.py", "from .cameras import Cameras"),
        ("camera.py", "import urllib.request"),
        ("camera.py", "from http.client import HTTPConnection"),
        ("edge/cameras.py", "from urllib import request"),
        ("inference/openvino.py", "from .onnxruntime import open_model"),
        ("inference/openvino.py", "import server.inference.onnxruntime"),
        ("detector.py", "from .feed import Feed"),
        ("detector.py", "from .store.events import EventStore"),
        ("alerts/mqtt.py", "from .webhook import open_channel"),
        ("alerts/mqtt.py", "from ..outbox.dispatch import Outbox"),
        ("alerts/webhook.py", "from aiohttp import web"),
        ("store/events.py", "from ..journal import Journal"),
        ("journal.py", "from sqlalchemy import select"),
        ("evidence/keeper.py", "from ..journal import Journal"),
        ("outbox/dispatch.py", "from ..evidence.keeper import Evidence"),
        ("feed.py", "from .verdicts import Verdicts"),
        ("feed.py", "from .reader import SourceReader"),
        ("reader.py", "from .cameras import Cameras"),
        ("cameras.py", "from .edge.api import Api"),
        ("cameras.py", "import aiohttp.web"),
        ("detector.py", "from aiortc import RTCPeerConnection"),
        ("edge/api.py", "from ..app import running"),
        ("app.py", "from .__main__ import main"),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str) -> None:
    assert len(mistakes(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "core/yolo.py",
            "import cv2, math\nimport numpy as np\nfrom .geometry import iou\nfrom collections.abc import Set",
        ),
        ("reader.py", "from .feed import Feed\nfrom .plugins import load\nimport threading"),
        ("edge/api.py", "from aiohttp import web\nfrom .problems import Problem\nfrom .. import __version__"),
        (
            "sources/http.py",
            "import av, urllib.request\nfrom ..core.frame import Picture\nfrom ..playing import x",
        ),
        (
            "camera.py",
            "from urllib.parse import urlsplit\nfrom .reader import Run\nfrom .core.backoff import Backoff",
        ),
        ("app.py", "from aiohttp import web\nfrom .edge.http import make_app"),
    ],
)
def test_a_right_import_is_not(path: str, source: str) -> None:
    assert mistakes(path, source) == []

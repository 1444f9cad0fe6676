"""These tests run in the environment of the desktop (``make desktop-env``); in any other there are none."""

from __future__ import annotations

import os
from importlib.util import find_spec

if find_spec("PySide6"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    pytest_plugins = ["tests.desktop.fixtures"]
else:
    collect_ignore_glob = ["test_*.py"]

"""What a machine may lack that tests need."""

from __future__ import annotations

import os

import pytest


def need(missing: str | None) -> None:
    """Skip the test where something is missing, and say so; in CI that is a failure."""
    if not missing:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)

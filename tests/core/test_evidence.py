"""Where evidence lies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.core.evidence import folder_of
from server.core.identifiers import uuid7


def test_a_folder_for_each_day() -> None:
    unix = datetime(2026, 2, 3, 23, 59, 59, tzinfo=UTC).timestamp()
    event = uuid7(unix, bytes(10))
    assert folder_of(event) == f"2026/02/03/{event}"
    assert folder_of(uuid7(unix + 1, bytes(10))).startswith("2026/02/04/")


@pytest.mark.parametrize(
    "value",
    ["", "..", "../../etc", "0192f0c1-2345-4abc-8def-0123456789ab", "0192F0C1-2345-7ABC-8DEF-0123456789AB", "a" * 36],
)
def test_nothing_else_has_one(value: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        folder_of(value)

"""A clock that is set is noticed, and said once."""

from __future__ import annotations

import time

import pytest

from server.steadyclock import MOST_S, SteadyClock


def test_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    real, clock = time.time, SteadyClock()

    def set_by(off: float) -> bool:
        monkeypatch.setattr(time, "time", lambda: real() + off)
        return clock.was_set()

    assert not set_by(0)
    assert not set_by(MOST_S - 60)
    assert not set_by(60 - MOST_S)
    assert caplog.messages == []
    assert set_by(MOST_S + 60)
    assert set_by(50 * 365 * 86_400)
    assert len(caplog.messages) == 1
    assert "the clock was set by +1.0 hours" in caplog.messages[0]
    assert not set_by(0)
    assert set_by(-MOST_S - 60)
    assert "the clock was set by -1.0 hours" in caplog.messages[1]

"""Which server this is, and which one is known to be gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.presence import MOST_GONE, presence

HOLD = """
import sys, time
from pathlib import Path
from server.presence import presence
with presence(Path(sys.argv[1])) as own:
    print(own.id, flush=True)
    time.sleep(60)
"""


def test_the_next_one_knows_who_was_there(tmp_path: Path) -> None:
    with presence(tmp_path) as first:
        assert first.gone == ()
    with presence(tmp_path) as second:
        assert second.gone == (first.id,)
        assert second.id != first.id


def test_one_that_was_killed_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    killed = process.stdout.readline().strip()
    with presence(tmp_path) as beside:
        assert beside.gone == (), "it runs"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with presence(tmp_path) as after:
        assert after.gone == (killed,)


def test_two_in_one_folder_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with presence(tmp_path) as first, presence(tmp_path) as second:
        assert second.gone == ()
        assert "another Vigie runs in the data folder" in caplog.text
    with presence(tmp_path) as third:
        assert third.gone == (first.id,)


def test_those_before_the_one_before_are_known_too(tmp_path: Path) -> None:
    """It may have been killed while it started, before it did anything for the one before it."""
    names: list[str] = []
    for number in range(MOST_GONE + 20):
        with presence(tmp_path) as own:
            assert own.gone == tuple(names[-MOST_GONE:]), number
            names.append(own.id)
    assert (tmp_path / "server-id").stat().st_size < 40 * (MOST_GONE + 2)


@pytest.mark.parametrize("content", [b"", b"\n\n", bytes(50), b"\xff\xfe\n"])
def test_a_file_that_was_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "server-id").write_bytes(content)
    with presence(tmp_path) as first:
        pass
    with presence(tmp_path) as second:
        assert second.gone[-1] == first.id

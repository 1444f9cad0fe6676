"""What was freed goes back: measured in a process of its own, for this one has a heap full of other things."""

from __future__ import annotations

import subprocess
import sys

import pytest

HOLES = """
import numpy as np
from server.memory import give_back, limit_arenas

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

limit_arenas()
arrays = [np.ones(60_000, np.uint8) for _ in range(3000)]
full = resident_mb()
keep = arrays[::100]  # so that what is freed lies between what is not
del arrays
give_back()
print(full - resident_mb(), sum(array.sum() for array in keep))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told")
def test_what_lies_between_is_given_back() -> None:
    result = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    freed_mb, kept = (float(part) for part in result.stdout.split())
    assert freed_mb > 100, "of 180 MB"
    assert kept == 30 * 60_000

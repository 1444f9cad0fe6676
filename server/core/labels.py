"""The names of classes that a server has met: the list that all class numbers in it refer to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Labels(Sequence[str]):
    """Grows and never changes otherwise, so that a class keeps its number when the model is changed for another.

    One thread adds; any may read.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = list(names)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._names[index]

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Labels({self._names!r})"

    def numbers_of(self, names: Sequence[str]) -> NDArray[np.int32]:
        """The number of each name, (n,) int32; those not known yet are added."""
        self._names += [name for name in names if name not in self._names]
        return np.array([self._names.index(name) for name in names], np.int32)

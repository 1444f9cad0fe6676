"""The list of classes that a server has met."""

from __future__ import annotations

import pytest

from server.core.labels import Labels


def test_a_name_keeps_its_number() -> None:
    labels = Labels()
    assert labels.numbers_of(("gun",)).tolist() == [0]
    assert labels.numbers_of(("knife", "gun", "bat")).tolist() == [1, 0, 2]
    assert labels.numbers_of(("bat", "knife")).tolist() == [2, 1]
    assert list(labels) == ["gun", "knife", "bat"]
    assert (labels[1], labels[:2], len(labels), "bat" in labels) == ("knife", ["gun", "knife"], 3, True)
    with pytest.raises(IndexError):
        labels[3]


def test_of_no_names_there_are_no_numbers() -> None:
    assert Labels(("gun",)).numbers_of(()).tolist() == []

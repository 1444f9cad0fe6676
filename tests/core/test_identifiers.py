"""Identifiers that sort by time."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.identifiers import uuid7

TIMES = st.integers(0, 2**48 - 1).map(lambda ms: ms / 1000)
RANDOM = st.binary(min_size=10, max_size=10)


def test_the_example_of_the_rfc() -> None:
    """RFC 9562, appendix A.6: 0x017F22E279B0 ms, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F."""
    randomness = (0xCC3 << 64 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(1645557742.000, randomness) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(TIMES, RANDOM)
def test_layout(unix: float, randomness: bytes) -> None:
    value = UUID(uuid7(unix, randomness))
    assert value.version == 7
    assert value.variant == "specified in RFC 4122"
    assert abs((value.int >> 80) - unix * 1000) <= 1
    # 74 bits are random: all but the version's four and the variant's two.
    given_bits = int.from_bytes(randomness, "big")
    mask = ~(0xF << 76 | 0x3 << 62) & (1 << 80) - 1
    assert value.int & mask == given_bits & mask


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_order_is_that_of_time(one: float, other: float, first: bytes, second: bytes) -> None:
    if one + 0.001 < other:
        assert uuid7(one, first) < uuid7(other, second)


@pytest.mark.parametrize("count", [0, 9, 11, 16])
def test_randomness_must_be_ten_bytes(count: int) -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(0, bytes(count))

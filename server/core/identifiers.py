"""Identifiers that sort by time."""

from __future__ import annotations

from uuid import UUID


def uuid7(unix_s: float, randomness: bytes) -> str:
    """A version 7 UUID (RFC 9562, section 5.7) from a time in seconds and 10 random bytes."""
    if len(randomness) != 10:
        raise ValueError("a version 7 UUID takes 10 random bytes")
    value = int(unix_s * 1000) << 80 | int.from_bytes(randomness, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))

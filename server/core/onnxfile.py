"""What an ONNX file says of itself, read without loading it: a bounded walk over its protocol buffer.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_MESSAGES = 500_000
"""A detector has some thousands; a file of empty messages could keep a reader busy for ever."""

MOST_DEPTH = 24

MOST_TEXT = 20_000
"""Bytes of a text that is kept."""

STANDARD_DOMAINS = frozenset({"", "ai.onnx"})

Value = int | memoryview

INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""Which fields of a message are messages that may hold operators or tensors."""


@dataclass(slots=True)
class OnnxFacts:
    """``metadata``: what its maker wrote down; ``domains``: of its operators; ``operators``: their names;
    ``external``: whether a part of it lies in another file."""

    metadata: dict[str, str] = field(default_factory=dict)
    domains: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    external: bool = False
    messages: int = 0

    @property
    def precision(self) -> str:
        """``int8`` where it rounds to 8 bits, else ``fp32``."""
        return "int8" if "QuantizeLinear" in self.operators else "fp32"

    @property
    def custom_domains(self) -> list[str]:
        """Domains of operators that no standard has: code of somebody's would have to run them."""
        return sorted(self.domains - STANDARD_DOMAINS)


def read_facts(data: bytes | memoryview) -> OnnxFacts:
    """Read a whole file. Raises ValueError where it is no ONNX model."""
    facts = OnnxFacts()
    _walk("model", memoryview(data), facts, 0)
    if not facts.operators:
        raise ValueError("there is no network in it")
    return facts


def _walk(kind: str, data: memoryview, facts: OnnxFacts, depth: int) -> None:
    facts.messages += 1
    if depth > MOST_DEPTH or facts.messages > MOST_MESSAGES:
        raise ValueError("it is nested too deep or has too many parts")
    inside = INSIDE.get(kind, {})
    texts: dict[int, str] = {}
    for number, value in _fields(data):
        if isinstance(value, memoryview) and number in inside:
            _walk(inside[number], value, facts, depth + 1)
        elif kind == "tensor" and (number == 13 or (number == 14 and value == 1)):
            facts.external = True
        elif kind in ("node", "opset", "entry") and isinstance(value, memoryview):
            texts[number] = bytes(value[:MOST_TEXT]).decode("utf-8", "replace")
    if kind == "node":
        facts.operators.add(texts.get(4, ""))
        facts.domains.add(texts.get(7, ""))
    elif kind == "opset":
        facts.domains.add(texts.get(1, ""))
    elif kind == "entry":
        facts.metadata[texts.get(1, "")] = texts.get(2, "")


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field of a message; those of fixed width are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 1:
                at += 8
            case 2:
                length, at = _varint(data, at)
                if at + length > len(data):
                    raise ValueError("it is cut off, or no ONNX file")
                yield key >> 3, data[at : at + length]
                at += length
            case 5:
                at += 4
            case _:
                raise ValueError("it is no ONNX file")
    if at > len(data):
        raise ValueError("it is cut off, or no ONNX file")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise ValueError("it is cut off, or no ONNX file")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is no ONNX file")

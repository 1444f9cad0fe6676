"""What never ends by HTTP, taken apart as it comes: server-sent events and pictures of MJPEG. Bytes in, items out."""

from __future__ import annotations

from dataclasses import dataclass

MOST_PICTURE = 16 * 1024 * 1024
MOST_EVENT = 4 * 1024 * 1024


class StreamError(ValueError):
    """This is no such stream."""


@dataclass(frozen=True, slots=True)
class Told:
    """A server-sent event."""

    kind: str
    data: str


class EventParser:
    """Server-sent events, as the HTML standard has them (section 9.2.6); of what ends a line, LF and CR LF."""

    def __init__(self) -> None:
        self.last_id = ""
        """To go on from."""
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Told]:
        """More bytes; returns the events that are complete. Raises StreamError for one that is too large."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) + self._size > MOST_EVENT:
            raise StreamError("an event is too large")
        told = []
        for line in lines:
            if event := self._line(line.removesuffix(b"\r").decode("utf-8", "replace")):
                told.append(event)
        return told

    def _line(self, line: str) -> Told | None:
        if not line:
            event = Told(self._kind or "message", "\n".join(self._data)) if self._data else None
            self._kind, self._data, self._size = "", [], 0
            return event
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "id":
            self.last_id = value
        return None


class PictureParser:
    """``multipart/x-mixed-replace`` whose parts tell their length, as Vigie's do."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes | None:
        """More bytes; returns the newest picture that is complete. Raises StreamError."""
        self._rest += data
        newest = None
        while True:
            head, gap, body = self._rest.partition(b"\r\n\r\n")
            if not gap:
                if len(head) > MOST_PICTURE:
                    raise StreamError("these are no pictures")
                return newest
            size = _length(head)
            if len(body) < size:
                return newest
            newest, self._rest = body[:size], body[size:]


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            size = int(value)
            if size <= MOST_PICTURE:
                return size
    raise StreamError("these are no pictures")

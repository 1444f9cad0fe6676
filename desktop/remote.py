"""A Vigie elsewhere, by its API. All of it lives in the window's thread and waits for nothing: Qt calls back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from PySide6.QtCore import QByteArray, QCryptographicHash, QObject, QTimer, QUrl, Signal
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkReply, QNetworkRequest, QSslError

from .streams import EventParser, PictureParser, StreamError

Json = dict[str, Any]
ANSWER_MS = 15_000
AGAIN_MS = 2_000
SILENT_MS = 45_000
"""The event stream gives a sign of life every 15 s."""
MOST_READ = 4 * 1024 * 1024
"""What may wait to be read of a stream; then the server waits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended: the status, 0 where there was none, and then ``reason`` says why; ``body`` is JSON."""

    status: int
    body: Json = field(default_factory=dict)
    data: bytes = b""
    reason: str = ""


def base_of(address: str) -> str | None:
    """The base URL of an address as people write it, or None: http on this machine, else https where it is not told."""
    text = address.strip()
    if "://" not in text:
        host = text.partition(":")[0]
        text = f"{'http' if host in ('localhost', '127.0.0.1') else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) and not parts.query
    except ValueError:
        return None
    return text.rstrip("/") if valid and not parts.username and " " not in text else None


class Remote(QObject):
    """One server, with one token."""

    untrusted = Signal(str)
    """Nobody known vouches for its certificate, whose SHA-256 fingerprint this is."""

    def __init__(self, base: str, token: str, trusted: str = "") -> None:
        super().__init__()
        self.base = base
        self._token = token
        self._trusted = trusted
        self._manager = QNetworkAccessManager(self)
        self._open: set[QNetworkReply] = set()
        self._closed = False

    def get(self, path: str, done: Callable[[Answer], None]) -> None:
        """``GET``; ``done`` gets the answer, unless this was closed meanwhile."""
        self._follow(self._manager.get(self._request(path)), done)

    def post(self, path: str, body: Json, done: Callable[[Answer], None]) -> None:
        """``POST`` of JSON."""
        request = self._request(path)
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        self._follow(self._manager.post(request, QByteArray(json.dumps(body).encode())), done)

    def stream(self, path: str, headers: dict[str, str] | None = None) -> QNetworkReply:
        """``GET`` of something that does not end; whoever asked for it aborts it."""
        request = self._request(path, endless=True)
        for name, value in (headers or {}).items():
            request.setRawHeader(name.encode(), value.encode())
        reply = self._manager.get(request)
        reply.setReadBufferSize(MOST_READ)
        self._watch(reply)
        return reply

    def close(self) -> None:
        """End all that is under way; a second time does nothing."""
        self._closed = True
        for reply in list(self._open):
            reply.abort()

    def _request(self, path: str, *, endless: bool = False) -> QNetworkRequest:
        request = QNetworkRequest(QUrl(self.base + path))
        policy = QNetworkRequest.RedirectPolicy.ManualRedirectPolicy  # the token goes nowhere else
        request.setAttribute(QNetworkRequest.Attribute.RedirectPolicyAttribute, policy)
        request.setAttribute(QNetworkRequest.Attribute.Http2AllowedAttribute, False)
        if self._token:
            request.setRawHeader(b"Authorization", f"Bearer {self._token}".encode())
        if not endless:
            request.setTransferTimeout(ANSWER_MS)
        return request

    def _watch(self, reply: QNetworkReply) -> None:
        self._open.add(reply)
        reply.sslErrors.connect(lambda errors: self._judge(reply, errors))
        reply.finished.connect(lambda: self._open.discard(reply))
        reply.finished.connect(reply.deleteLater)

    def _follow(self, reply: QNetworkReply, done: Callable[[Answer], None]) -> None:
        self._watch(reply)

        def finished() -> None:
            if not self._closed:
                done(answer_of(reply))

        reply.finished.connect(finished)

    def _judge(self, reply: QNetworkReply, _errors: list[QSslError]) -> None:
        certificate = reply.sslConfiguration().peerCertificate()
        if certificate.isNull():
            return
        fingerprint = bytes(certificate.digest(QCryptographicHash.Algorithm.Sha256).data()).hex(":").upper()
        if fingerprint == self._trusted:
            reply.ignoreSslErrors()
        elif not self._closed:
            self.untrusted.emit(fingerprint)


def answer_of(reply: QNetworkReply) -> Answer:
    """The answer that came, whatever it was."""
    status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
    data = bytes(reply.readAll().data())
    if status is None:
        return Answer(0, reason=reply.errorString())
    try:
        body = json.loads(data) if data[:1] in (b"{", b"[") else {}
    except ValueError:
        body = {}
    return Answer(int(status), body if isinstance(body, dict) else {}, data)


class EventFeed(QObject):
    """The stream of events; where it breaks off it is taken up again from there."""

    told = Signal(str, dict)
    """The type, such as ``event.confirmed``, and the event."""
    missed = Signal()
    """More was missed than the server keeps: what is shown has to be asked for anew."""
    line = Signal(bool)
    """Whether it is connected."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote)
        self._remote = remote
        self._reply: QNetworkReply | None = None
        self._last_id = ""
        self._closed = False
        self._silence = QTimer(self, singleShot=True, interval=SILENT_MS)
        self._silence.timeout.connect(self._abort)
        self._again = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._again.timeout.connect(self.open)

    def open(self) -> None:
        """Begin."""
        if self._closed:
            return
        parser = EventParser()
        parser.last_id = self._last_id
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        reply = self._reply = self._remote.stream("/api/v1/events/stream", headers)
        reply.readyRead.connect(lambda: self._read(reply, parser))
        reply.finished.connect(self._ended)
        self._silence.start()

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._again.stop()
        self._silence.stop()
        self._abort()

    def _abort(self) -> None:
        if self._reply:
            self._reply.abort()

    def _read(self, reply: QNetworkReply, parser: EventParser) -> None:
        if reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) != 200:
            return
        self._silence.start()
        self.line.emit(True)
        try:
            for event in parser.feed(bytes(reply.readAll().data())):
                if event.kind == "reset":
                    self.missed.emit()
                elif event.kind == "event":
                    body = json.loads(event.data)
                    self.told.emit(str(body["type"]), dict(body["data"]))
        except (StreamError, ValueError, KeyError, TypeError):
            reply.abort()  # this is not what Vigie says: begin anew
        self._last_id = parser.last_id

    def _ended(self) -> None:
        self._reply = None
        self._silence.stop()
        if not self._closed:
            self.line.emit(False)
            self._again.start()


class VideoFeed(QObject):
    """The annotated video of one camera as MJPEG; where it breaks off it is asked for again."""

    pictured = Signal(bytes)
    """A JPEG, the newest."""
    lost = Signal()

    def __init__(self, remote: Remote, camera: str) -> None:
        super().__init__(remote)
        self._remote, self._path = remote, f"/api/v1/cameras/{quote(camera, safe='')}/mjpeg"
        self._reply: QNetworkReply | None = None
        self._closed = False
        self._again = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._again.timeout.connect(self.open)

    def open(self) -> None:
        """Begin."""
        if self._closed:
            return
        parser = PictureParser()
        reply = self._reply = self._remote.stream(self._path)
        reply.readyRead.connect(lambda: self._read(reply, parser))
        reply.finished.connect(self._ended)

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._again.stop()
        if self._reply:
            self._reply.abort()

    def _read(self, reply: QNetworkReply, parser: PictureParser) -> None:
        if self._closed or reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) != 200:
            return
        try:
            jpeg = parser.feed(bytes(reply.readAll().data()))
        except StreamError:
            reply.abort()
            return
        if jpeg:
            self.pictured.emit(jpeg)

    def _ended(self) -> None:
        self._reply = None
        if not self._closed:
            self.lost.emit()
            self._again.start()

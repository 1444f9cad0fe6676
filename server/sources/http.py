"""HTTP and HTTPS cameras: MJPEG, HLS, and whatever else FFmpeg knows when it comes in one answer.

The requests are made here and not by FFmpeg: so each address, of a redirect and of each piece of an HLS list too, is
checked before anything is sent there, and cameras that ask for a digest are answered.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import logging
import secrets
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

from ..addresses import AddressRefused
from ..playing import Playback, opened
from ..plugins import PATIENCE_S, SourceLost, SourceRequest

log = logging.getLogger(__name__)

SCHEMES = ("http", "https")
HLS_TYPES = ("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl")

REFUSALS = {
    401: "it refused the user name or the password",
    403: "it refused access: the user may not see this stream",
    404: "it has no stream at this path",
}

_Response = http.client.HTTPResponse


class Fetcher:
    """Opens the URLs of one camera, each connection ended by the request's stop."""

    def __init__(self, request: SourceRequest, stack: ExitStack) -> None:
        self._request = request
        self._live: list[socket.socket] = []
        self._pieces: WeakSet[_Body] = WeakSet()
        stack.enter_context(request.stop.calling(self._hang_up))
        stack.callback(self._close)
        self.refused: str | None = None
        """Why a piece of a list was not asked for."""
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            _Http(self._connect),
            _Https(self._connect, self.watch),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            _Redirects(),
            _Passwords(request),
            urllib.request.UnknownHandler(),
        ):
            self._opener.add_handler(handler)

    def open(self, url: str) -> _Response:
        """The answer to a GET; raises :class:`SourceLost` in words."""
        if urlsplit(url).scheme not in SCHEMES:
            raise AddressRefused("it points to an address that is not allowed")
        try:
            response = self._opener.open(
                urllib.request.Request(url, headers={"User-Agent": "Vigie"}), timeout=PATIENCE_S
            )
        except SourceLost:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            raise SourceLost(REFUSALS.get(error.code, f"it answered with the HTTP status {error.code}")) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SourceLost(_reason(error)) from error
        assert isinstance(response, _Response)
        return response

    def piece(self, url: str, flags: int, options: dict[str, str]) -> io.IOBase:
        """What FFmpeg asks for while it plays a list; nothing where it cannot be had. Called in the thread that plays.

        A list that points where a camera may not lead is not played on: not one more request is made for it.
        """
        try:
            if self.refused:
                return io.BytesIO()
            body = _Body(self.open(url))
            self._pieces.add(body)
            return body
        except AddressRefused as error:
            self.refused = str(error)
        except SourceLost as error:
            log.info("a piece of an HLS list is missing: %s", error)
        return io.BytesIO()

    def _connect(self, address: tuple[str, int], timeout: float | None = None, source: object = None) -> socket.socket:
        """Connects to the very address that was checked, and hangs up when told to stop."""
        host, port = address
        if self._request.resolve:
            host = self._request.resolve(host, port)
        error: OSError | None = None
        for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(timeout)
            self.watch(connection)
            try:
                connection.connect(place)
                return connection
            except OSError as failed:
                connection.close()
                error = failed
        raise error or OSError("there is no way to this address")

    def watch(self, connection: socket.socket) -> None:
        """From now on the stop ends this connection too; those that are closed are forgotten."""
        self._live = [*(other for other in self._live if other.fileno() >= 0), connection]
        if self._request.stop.is_set():
            self._hang_up()

    def _close(self) -> None:
        """What FFmpeg did not close: it forgets some where it fails."""
        for body in tuple(self._pieces):
            body.close()

    def _hang_up(self) -> None:
        for connection in self._live:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # TLS would wait for its own farewell


class _Body(io.RawIOBase):
    """An answer as FFmpeg reads it: what is there, as soon as it is there. A whole buffer of a camera with small
    pictures would be seconds of its video."""

    def __init__(self, response: _Response) -> None:
        self._response = response

    def read(self, size: int = -1) -> bytes:
        try:
            return self._response.read1(size)
        except (http.client.HTTPException, ValueError) as error:
            raise ConnectionResetError("the answer broke off") from error

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._response.close()
        super().close()


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connect: Callable[..., socket.socket]) -> None:
        super().__init__()
        self._connect = connect

    def http_open(self, req: urllib.request.Request) -> _Response:
        def connection(host: str, **options: Any) -> http.client.HTTPConnection:
            made = http.client.HTTPConnection(host, **options)
            made._create_connection = self._connect  # type: ignore[attr-defined]
            return made

        return self.do_open(connection, req)


class _SecureConnection(http.client.HTTPSConnection):
    watch: Callable[[socket.socket], None]
    context: ssl.SSLContext

    def connect(self) -> None:
        # As the base does, but its stop reaches the handshake too: wrapping takes the socket from the one watched.
        http.client.HTTPConnection.connect(self)
        secure = self.context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secure
        self.watch(secure)
        secure.do_handshake()


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connect: Callable[..., socket.socket], watch: Callable[[socket.socket], None]) -> None:
        # Cameras sign their own certificates: whom one talks to is not proven, only that nobody reads along.
        self._context = ssl._create_unverified_context()
        super().__init__(context=self._context)
        self._connect = connect
        self._watch = watch

    def https_open(self, req: urllib.request.Request) -> _Response:
        def connection(host: str, **options: Any) -> http.client.HTTPSConnection:
            made = _SecureConnection(host, context=self._context, **options)
            made._create_connection = self._connect  # type: ignore[attr-defined]
            made.context, made.watch = self._context, self._watch
            return made

        return self.do_open(connection, req)


class _Passwords(urllib.request.BaseHandler):
    """Answers a camera that asks for a password: by digest (RFC 7616) or in the clear, as it offers first.

    Once, for cameras lock out who is wrong a few times; and its own host alone: a redirect must not carry the password
    away.
    """

    def __init__(self, request: SourceRequest) -> None:
        self._request = request

    def http_error_401(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()
        if req.get_header("Authorization") or _host(req.full_url) != _host(self._request.url):
            return None
        name, password = self._request.username or "", self._request.password or ""
        if not name and not password:
            return None
        for offer in headers.get_all("WWW-Authenticate", []):
            scheme, _, rest = offer.partition(" ")
            answer = None
            if scheme.lower() == "basic":
                answer = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
            elif scheme.lower() == "digest":
                pairs = (part.partition("=") for part in urllib.request.parse_http_list(rest))
                given = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
                answer = _digest(given, name, password, req.get_method(), req.selector)
            if answer:
                req.add_unredirected_header("Authorization", answer.encode().decode("latin-1"))
                return self.parent.open(req, timeout=req.timeout)
        return None


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _digest(given: dict[str, str], name: str, password: str, method: str, path: str) -> str | None:
    """The answer to a challenge, or None for one that is not understood."""
    algorithm = given.get("algorithm", "")
    hashed = {"": hashlib.md5, "MD5": hashlib.md5, "SHA-256": hashlib.sha256}.get(algorithm.upper())
    if hashed is None or "nonce" not in given:
        return None

    def h(*parts: str) -> str:
        return hashed(":".join(parts).encode()).hexdigest()

    realm, nonce, once = given.get("realm", ""), given["nonce"], secrets.token_hex(8)
    who, what = h(name, realm, password), h(method, path)
    fields = {"username": name.replace("\\", "\\\\").replace('"', '\\"'), "realm": realm, "nonce": nonce, "uri": path}
    plain = {"algorithm": algorithm} if algorithm else {}
    if "auth" in (part.strip() for part in given.get("qop", "").split(",")):
        fields |= {"cnonce": once, "response": h(who, nonce, "00000001", once, "auth", what)}
        plain |= {"qop": "auth", "nc": "00000001"}
    else:
        fields["response"] = h(who, nonce, what)
    if "opaque" in given:
        fields["opaque"] = given["opaque"]
    parts = [
        *(f'{key}="{value}"' for key, value in fields.items()),
        *(f"{key}={value}" for key, value in plain.items()),
    ]
    return "Digest " + ", ".join(parts)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 3

    def http_error_302(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()  # the base would read it to its end, which may never come
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, *arguments: Any, **options: Any) -> urllib.request.Request | None:
        new = super().redirect_request(*arguments, **options)
        if new is not None and urlsplit(new.full_url).scheme not in SCHEMES:
            raise AddressRefused("it points to an address that is not allowed")
        return new


@contextmanager
def open_source(request: SourceRequest) -> Iterator[Playback]:
    """Open a camera's stream; see :class:`server.plugins.Source`."""
    with ExitStack() as stack:
        fetcher = Fetcher(request, stack)
        response = stack.enter_context(fetcher.open(request.url))
        kind = response.headers.get_content_type()
        if kind in HLS_TYPES or urlsplit(response.url).path.endswith(".m3u8"):
            response.close()
            # http_persistent would let FFmpeg go to the next piece by itself, past the check.
            options = {"http_persistent": "0", "live_start_index": "-2", "allowed_extensions": "ALL"}
            try:
                container = stack.enter_context(
                    opened(request, response.url, format="hls", options=options, io_open=fetcher.piece)
                )
            except SourceLost as lost:
                raise SourceLost(fetcher.refused or str(lost)) from lost
            yield Playback(container, request.stop, paced=True, tap=request.tap)
            return
        if kind.startswith("image/"):
            raise SourceLost("this address gives a single picture, not a video")
        if kind.startswith("text/") and "Content-Type" in response.headers:  # which it also says where there is none
            raise SourceLost("this address gives a page, not a video")
        multipart = kind.startswith("multipart/")
        form = "mpjpeg" if multipart else None
        # No protocol, or formats that name other addresses (DASH, SDP) would have FFmpeg go there past the check.
        options = {"fflags": "nobuffer", "protocol_whitelist": "data"}
        container = stack.enter_context(opened(request, _Body(response), format=form, options=options))
        yield Playback(container, request.stop, own_clock=not multipart, tap=request.tap)


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens at this address and port"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS as expected"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror[0].lower() + cause.strerror[1:]
    return "it does not speak HTTP as expected"

"""The URLs of cameras: which kind opens one, what of it may be shown, what FFmpeg gets."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from .plugins import SourceLost, SourceRequest

PUSHED = "whip"
"""The kind of a camera that nothing is opened for: its pictures are sent here."""


def source_kind(url: str) -> str:
    """The kind of source a URL asks for: its scheme, without the ``s`` of the encrypted form."""
    if url.startswith("/dev/"):
        return "v4l2"
    scheme = url.partition(":")[0].lower() if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", url) else "file"
    return {"rtsps": "rtsp", "https": "http", "rtmps": "rtmp"}.get(scheme, scheme)


def source_scheme(url: str) -> str:
    """The scheme of a URL, in small letters."""
    return url.partition(":")[0].lower()


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """A URL -> the URL without its user, the user name and the password, or None for what it does not have."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+://)([^/?#]*)@(.*)$", url, re.DOTALL)
    if not match:
        return url, None, None
    name, colon, password = match[2].partition(":")
    return match[1] + match[3], unquote(name), unquote(password) if colon else None


def redacted(url: str) -> str:
    """A URL as it may be shown: without user, password or query, which may all hold a secret.

    All up to the last ``@`` goes, for a password may hold any sign: rather a host too few than a secret too many.
    """
    bare = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+:(?://)?).*@", r"\1", url, flags=re.DOTALL)
    return re.sub(r"\?.*$", "?...", bare, flags=re.DOTALL)


def address_of(url: str, ports: Mapping[str, int]) -> tuple[str, int]:
    """Host and port of a URL; raises :class:`SourceLost` when it has none. ``ports``: the usual port of each scheme."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SourceLost("its URL cannot be read") from error
    if not host:
        raise SourceLost("its URL names no host")
    return host, port or ports.get(parts.scheme.lower(), 0)


def knock(host: str, port: int, seconds: float) -> None:
    """Whether somebody listens there; raises :class:`SourceLost` with the reason why not. Blocks the caller."""
    try:
        socket.create_connection((host, port), seconds).close()
    except ConnectionRefusedError as error:
        raise SourceLost("nothing listens at this address and port") from error
    except (TimeoutError, BlockingIOError) as error:
        raise SourceLost("nothing answers at this address") from error
    except OSError as error:
        raise SourceLost("there is no way to this address") from error


def for_ffmpeg(request: SourceRequest, ports: Mapping[str, int]) -> str:
    """A request's URL as FFmpeg takes it: with the address that was checked in place of the name, so that a second
    look-up cannot lead elsewhere, and with user and password."""
    host, port = address_of(request.url, ports)
    if request.resolve:
        host = request.resolve(host, port)
    return at_address(request, source_scheme(request.url), host, port)


def at_address(request: SourceRequest, scheme: str, host: str, port: int) -> str:
    """A request's URL with another scheme, host and port, and with user and password."""
    parts = urlsplit(request.url)
    user = ""
    if request.username is not None or request.password is not None:
        user = f"{quote(request.username or '', safe='')}:{quote(request.password or '', safe='')}@"
    host = f"[{host}]" if ":" in host else host
    return parts._replace(scheme=scheme, netloc=f"{user}{host}:{port}").geturl()

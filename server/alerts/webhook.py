"""Webhooks: signed POSTs as Standard Webhooks has them, to receivers whose address was checked."""

from __future__ import annotations

import io
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .. import __version__
from ..addresses import may_be_told
from ..aside import aside
from ..config import Settings, WebhookSettings
from ..core.signature import signatures
from ..plugins import Alert, CameraCondition, Outcome, Receiver, Reply

log = logging.getLogger(__name__)

MOST_URL = 2000
MOST_READ = 1024
KEEP_ALIVE_S = 10
HEADERS = {"Content-Type": "application/json", "Accept": "*/*", "Accept-Encoding": "identity"}
FORBIDDEN = (
    "the address of {host} is private, on this machine or of a cloud's own, where webhooks may go only if "
    "webhooks.allow_private says so"
)


class AddressForbidden(OSError):
    """No address of a host is one that a webhook may go to; the message says so."""


class WebhookChannel:
    """Posts alerts. ``now`` gives unix seconds, for the timestamps that are signed."""

    def __init__(self, session: aiohttp.ClientSession, settings: WebhookSettings, now: Callable[[], float]) -> None:
        self._session = session
        self._settings = settings
        self._now = now

    async def send(self, receiver: Receiver, alert: Alert) -> Reply:
        """Post an alert once. Any answer of 2xx that is whole, as far as it is read, means that it is delivered."""
        if mistake := url_mistake(receiver.url) or literal_mistake(receiver.url, self._settings.allow_private):
            return Reply(Outcome.REFUSED, error=mistake)
        at = int(self._now())
        headers = {
            "webhook-id": alert.id,
            "webhook-timestamp": str(at),
            "webhook-signature": signatures(receiver.secrets, alert.id, at, alert.body),
        }
        status: int | None = None
        try:
            url, body = URL(receiver.url), io.BytesIO(alert.body)
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
                return _reply(answer, await _beginning(answer), self._now())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._failure(error, status, urlsplit(receiver.url).hostname or "")

    async def show(self, condition: CameraCondition | None, camera: str) -> None:
        """Receivers of webhooks are told of events alone."""

    def _failure(self, error: Exception, status: int | None, host: str) -> Reply:
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        if isinstance(cause, AddressForbidden):
            # A name server that errs for an hour must not cost an alert: what it says may be right again.
            return Reply(Outcome.FAILED, error=str(cause))
        match error:
            case aiohttp.ConnectionTimeoutError():
                words = f"no connection within {self._settings.connect_s:g} s"
            case TimeoutError():
                words = f"no whole answer within {self._settings.answer_s:g} s"
            case aiohttp.ClientConnectorDNSError():
                words = f"the host name {host} is not known"
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
                words = "no encrypted connection: " + _tls_words(error)
            case aiohttp.ClientPayloadError():
                words = "the answer broke off"
            case aiohttp.ClientResponseError():
                words = "the answer is not HTTP"
            case aiohttp.ServerDisconnectedError():
                words = "the connection was closed without an answer"
            case _ if isinstance(cause, ConnectionRefusedError):
                words = "nothing listens at this address and port"
            case aiohttp.ClientConnectorError():
                words = "there is no way to this address"
            case aiohttp.InvalidURL():
                return Reply(Outcome.REFUSED, error="the URL cannot be used")
            case _:
                log.debug("a webhook failed", exc_info=error)
                words = "the connection broke off"
        return Reply(Outcome.FAILED, status, words)


class PermittedResolver(AbstractResolver):
    """Gives the connector permitted addresses alone. What was checked is what is connected to: a name that leads
    elsewhere a moment later gains nothing."""

    def __init__(self, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The permitted addresses of a host; raises OSError, :class:`AddressForbidden` if it has others alone."""
        found = await look_up(host, port, family)
        permitted = [entry for entry in found if permits(entry["host"], self._private)]
        if not permitted:
            raise AddressForbidden(FORBIDDEN.format(host=host))
        return permitted

    async def close(self) -> None:
        """There is nothing to close."""


@asynccontextmanager
async def open_channel(settings: Settings, now: Callable[[], float] = time.time) -> AsyncIterator[WebhookChannel]:
    """The channel, with connections of its own: no proxy of the environment, no cookies, no redirects."""
    options = settings.webhooks
    connector = aiohttp.TCPConnector(
        resolver=PermittedResolver(options.allow_private),
        limit=0,  # the outbox has a bound for each receiver; one for all would let a dead one hold up the others
        keepalive_timeout=KEEP_ALIVE_S,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=options.answer_s, connect=options.connect_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={**HEADERS, "User-Agent": f"Vigie/{__version__}"},
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield WebhookChannel(session, options, now)


def url_mistake(url: str) -> str | None:
    """Why nothing can be posted to a URL, or None. It says nothing of where the URL leads."""
    if len(url) > MOST_URL:
        return f"a URL has {MOST_URL} signs at the most"
    if any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        return "a URL has no spaces and no control characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        known = URL(url).raw_host
    except ValueError:
        return "the URL cannot be read"
    if parts.scheme not in ("http", "https"):
        return "a webhook has an http or https URL"
    if not host or not known:
        return "the URL names no host"
    if "@" in parts.netloc:
        return "a user and a password in the URL are not sent; the receiver knows Vigie by the signature"
    return None


def literal_mistake(url: str, private: bool) -> str | None:
    """Why the address that a URL names in place of a host may not be told, or None, also where it names a host."""
    host = URL(url).raw_host or ""
    if ":" not in host and not host.replace(".", "").isdigit():
        return None  # a name: the resolver checks what it stands for
    return None if permits(host, private) else FORBIDDEN.format(host=host)


async def forbidden(url: str, private: bool) -> str | None:
    """Why a webhook may surely not go to a URL, as things stand; None also where its host is not known now."""
    if mistake := literal_mistake(url, private):
        return mistake
    host = URL(url).raw_host or ""
    try:
        found = await look_up(host, 0, socket.AF_UNSPEC)
    except OSError:
        return None
    return None if any(permits(entry["host"], private) for entry in found) else FORBIDDEN.format(host=host)


def permits(host: str, private: bool) -> bool:
    """Whether a webhook may go to an address, given as text; not to what is none."""
    try:
        return may_be_told(ip_address(host.partition("%")[0]), private)
    except ValueError:
        return False


async def look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    """All addresses of a host; raises OSError. In a thread of its own: a silent name server holds up nobody else."""

    def ask() -> list[ResolveResult]:
        try:
            infos = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise socket.gaierror(str(error)) from error
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(at[0]), port=port, family=kind, proto=protocol, flags=numeric)
            for kind, _, protocol, _, at in infos
        ]

    return await aside(ask, "webhook-lookup")


async def _beginning(answer: aiohttp.ClientResponse) -> str:
    """The first kilobyte of an answer, as text that may be shown."""
    data = b""
    while len(data) < MOST_READ and (more := await answer.content.read(MOST_READ - len(data))):
        data += more
    text = data.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _reply(answer: aiohttp.ClientResponse, text: str, now: float) -> Reply:
    status = answer.status
    if 200 <= status < 300:
        return Reply(Outcome.DELIVERED, status, response=text)
    if status == 410:
        return Reply(Outcome.GONE, status, "answered 410: it wants nothing more", text)
    words = f"answered {status}"
    if 300 <= status < 400:
        words += "; redirects are not followed: give the URL that it leads to"
    wish = retry_after(answer.headers.get("Retry-After"), now)
    return Reply(Outcome.FAILED, status, words, text, wish)


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a ``Retry-After`` asks for, given as seconds or as a date; None for anything else."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def _tls_words(error: BaseException) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or "TLS failed")[:200]

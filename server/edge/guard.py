"""Stands before every route: who asks, from where, whether he may, and what of it is written down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ..access import Access
from ..auditlog import AuditLog
from ..config import AccessSettings
from ..core.access import LOCAL, Permission, Principal, address_of_peer, is_loopback_host
from ..core.links import Refusal, read_pass, sign_pass
from .permits import Permit, permit_of
from .problems import Problem

COOKIE, SECURE_COOKIE = "vigie_session", "__Host-vigie_session"
"""A browser takes the second only from a secure page, and for this very host."""

FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
"""What proxies add: a request with one of these is not from this machine, whoever brought it."""

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="vigie"'}
REFUSED = "refused"
PASS = "pass"
PASS_S = 3600
"""How long a pass is good. A page takes a new one when half of it is over; who seeks in a video needs the old one."""

Lease = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""For as long as the block runs, what it was given is called when the right to it ends."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from. ``host`` is the one the browser asked for; ``direct``: no proxy brought it."""

    address: str
    host: str
    secure: bool
    direct: bool


CALLER = web.RequestKey("caller", Caller)
PRINCIPAL = web.RequestKey("principal", Principal)
ACCESS = web.RequestKey("access", Access)
TARGET = web.RequestKey("target", str)
"""What something was done to, where the address does not tell; for the audit log."""


class Guard:
    """The middleware, and what handlers ask it."""

    def __init__(
        self, access: Access, audit: AuditLog, settings: AccessSettings, friends: Collection[str], key: bytes
    ) -> None:
        """``friends``: origins whose pages may use this server; ``key``: what passes are signed with."""
        self.access = access
        self.audit = audit
        self._local = settings.local
        self._proxies = [ip_network(text) for text in settings.proxies]
        self._friends = friends
        self._key = key

    def middleware(self) -> Middleware:
        """Lets through who may. What is refused is a :class:`Problem`."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            permit = permit_of(request)
            if permit.open:
                return await handler(request)
            principal = await self._admit(request, permit)
            if principal:
                request[PRINCIPAL] = principal
                request[ACCESS] = self.access
            lasts: AbstractContextManager[None] = nullcontext()
            if permit.lasting and principal:
                lasts = self.access.lease(principal, partial(_cut, request))
            try:
                with lasts:
                    answer = await handler(request)
            except Problem as problem:
                if problem.status == 401 and (permit.greets or "Authorization" in request.headers):
                    self.wrong(request)  # a password or a token was there, and was not right
                raise
            if permit.action and answer.status < 400:
                actor = principal.actor if principal else "camera-token"
                self.note(request, actor, permit.action, _target(request, answer))
            return answer

        return guard

    def caller(self, request: web.Request) -> Caller:
        """Where a request comes from; what proxies say counts only from those of the settings."""
        known: Caller | None = request.get(CALLER)
        if known:
            return known
        peer = request.remote or ""
        direct = not any(name in request.headers for name in FORWARDING)
        address, host, secure = peer, request.host, request.secure
        if not direct and self._is_proxy(peer):
            address = self._behind(peer, request.headers.getall("X-Forwarded-For", []))
            host = request.headers.get("X-Forwarded-Host", host).rpartition(",")[2].strip()
            secure = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower() == "https"
        plain = address_of_peer(address)
        caller = request[CALLER] = Caller(str(plain or address), host, secure, direct)
        return caller

    def is_local(self, request: web.Request) -> bool:
        """Whether somebody on this very machine asks, under one of its own names."""
        caller, address = self.caller(request), address_of_peer(request.remote or "")
        return (
            self._local
            and caller.direct
            and address is not None
            and address.is_loopback
            and is_loopback_host(request.host)
        )

    def wrong(self, request: web.Request) -> None:
        """Somebody was wrong; raises :class:`Problem` where he must wait. Whoever is on this machine may be wrong as
        often as he likes."""
        self.patience(request)
        caller = self.caller(request)
        if not self.is_local(request) and self.access.guessed_wrong(caller.address):
            self.note(request, "nobody", "guesses", outcome=REFUSED)

    def patience(self, request: web.Request) -> None:
        """Raises :class:`Problem` where there were too many wrong guesses."""
        if not self.is_local(request) and (wait := self.access.wait_s(self.caller(request).address)):
            raise too_many_guesses(wait)

    def pass_for(self, principal: Principal) -> tuple[str, float]:
        """What lets a page read as this principal by address alone, and until when (unix s)."""
        expires = int(min(time.time() + PASS_S, principal.expires_at or math.inf))
        return sign_pass(self._key, principal.credential or LOCAL.kind, expires), expires

    def note(self, request: web.Request, actor: str, action: str, target: str = "", outcome: str = "done") -> None:
        """A line of the audit log."""
        self.audit.note(actor, self.caller(request).address, action, target, outcome)

    async def _admit(self, request: web.Request, permit: Permit) -> Principal | None:
        principal = await self._principal(request, permit)
        if principal is None:
            if permit.greets or permit.asks:
                return None
            if permit.link and "signature" in request.query:
                return None  # the handler looks whether it is right
            raise Problem(
                "login-required", 401, "Log in, or send a token as Authorization: Bearer TOKEN.", headers=CHALLENGE
            )
        if permit.permissions and not permit.permissions & principal.permissions:
            if permit.action:
                self.note(request, principal.actor, permit.action, _target(request, None), REFUSED)
            needed = " or ".join(sorted(permit.permissions))
            raise Problem("not-allowed", 403, f"This takes the permission {needed}, which {_who(principal)} has not.")
        return principal

    async def _principal(self, request: web.Request, permit: Permit) -> Principal | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            guesser = self.access.wait_s(self.caller(request).address) > 0
            principal = await self.access.principal(token.strip(), by_guesser=guesser)
            if principal or permit.asks:
                return principal
            self.wrong(request)
            raise Problem(
                "wrong-token", 401, "This token is unknown, revoked or expired. Make another.", headers=CHALLENGE
            )
        if permit.passes and (text := request.query.get(PASS)):
            return self._by_pass(request, text)
        if self._from_elsewhere(request):
            return None  # cookies and being on this machine count for this server's own pages only
        # To a secure page the other cookie may come from anybody on the way.
        if secret := request.cookies.get(SECURE_COOKIE if self.caller(request).secure else COOKIE):
            principal = await self.access.principal(secret, by_guesser=True)  # mostly, an unknown one has expired
            if principal:
                return principal
        return LOCAL if self.is_local(request) else None

    def _by_pass(self, request: web.Request, text: str) -> Principal | None:
        """Who a pass was made for, while his session or token stands."""
        credential = read_pass(self._key, text, time.time())
        if credential is Refusal.WRONG:
            self.wrong(request)
        if isinstance(credential, Refusal):
            return None
        if credential == LOCAL.kind:
            return LOCAL if self.is_local(request) else None
        return self.access.principal_by(credential)

    def _from_elsewhere(self, request: web.Request) -> bool:
        """Whether a page of another origin makes the browser ask (W3C Fetch Metadata). Opening an address in a tab is
        no page's doing."""
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site in ("none", "same-origin") or request.headers.get("Origin") in self._friends:
            return False  # where all origins are friends (*), none is known: their pages need a token
        opened = request.headers.get("Sec-Fetch-Mode") == "navigate"
        return not (opened and request.method == "GET" and request.headers.get("Sec-Fetch-Dest") == "document")

    def _is_proxy(self, text: str) -> bool:
        address = address_of_peer(text)
        return address is not None and any(address in network for network in self._proxies)

    def _behind(self, peer: str, headers: list[str]) -> str:
        """The nearest address that is no proxy of ours: what stands farther left, anybody may have written."""
        address = peer
        for hop in reversed([hop.strip() for header in headers for hop in header.split(",")]):
            if address_of_peer(hop) is None:
                break
            address = hop
            if not self._is_proxy(hop):
                break
        return address


def principal_of(request: web.Request) -> Principal | None:
    """Who asks; None for one whom nobody knows."""
    return request.get(PRINCIPAL)


def lease_of(request: web.Request) -> Lease:
    """What ends with the right to it: see :data:`Lease`."""
    principal, access = principal_of(request), request.get(ACCESS)
    return partial(access.lease, principal) if principal and access else _no_lease


def require(request: web.Request, permission: Permission) -> None:
    """Raises :class:`Problem` where who asks has not this permission, of those that his route takes."""
    principal = principal_of(request)
    if principal is None or permission not in principal.permissions:
        who = _who(principal) if principal else "nobody"
        raise Problem("not-allowed", 403, f"This takes the permission {permission}, which {who} has not.")


def too_many_guesses(wait_s: float) -> Problem:
    """What is said to who must wait."""
    seconds = math.ceil(wait_s)
    return Problem(
        "too-many-guesses",
        429,
        f"There were too many wrong guesses. Try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def _no_lease(end: Callable[[], None]) -> AbstractContextManager[None]:
    return nullcontext()


def _cut(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()


def _who(principal: Principal) -> str:
    return f"{principal.kind} {principal.name}".strip()


def _target(request: web.Request, answer: web.StreamResponse | None) -> str:
    """What it was done to: named by the handler, the address, or the address of what is new."""
    named = request.get(TARGET) or "/".join(request.match_info.values())
    if not named and answer is not None:
        named = answer.headers.get("Location", "").rpartition("/")[2]
    return named

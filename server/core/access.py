"""Who may do what: roles, permissions, and how secrets are made and kept."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address


class Permission(StrEnum):
    """What a route asks for. All can be scopes of a token."""

    VIEW = "view"
    """See cameras, events and evidence."""
    DETECT = "detect"
    """Have own pictures and own video looked at."""
    PUBLISH = "publish"
    """Push video as a camera."""
    METRICS = "metrics"
    JUDGE = "judge"
    """Say what an event was, and hold its evidence."""
    CAMERAS = "cameras"
    """Add, change, start, stop and remove cameras; try policies."""
    ALERTS = "alerts"
    """See and change who is told."""
    MODELS = "models"
    ACCESS = "access"
    """Users, tokens and the audit log."""


class Role(StrEnum):
    """What a person is, or a token that stands for one."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_VIEWER = frozenset({Permission.VIEW, Permission.DETECT})
_OPERATOR = _VIEWER | {
    *(Permission.JUDGE, Permission.CAMERAS, Permission.ALERTS, Permission.PUBLISH, Permission.METRICS)
}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: frozenset(Permission),
}

TOKEN, SESSION = "vigie_", "vigies_"
"""How secrets begin, so that those who look for leaked ones find them."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@ -]{0,61}[A-Za-z0-9_.@-]|[A-Za-z0-9]")
LEAST_PASSWORD, MOST_PASSWORD = 10, 200


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``kind`` is local, user or token; ``credential`` names the session or token it came by, None for
    local; ``subject`` is the id of the user or the token; ``expires_at`` in unix seconds."""

    kind: str
    name: str
    permissions: frozenset[Permission]
    role: Role | None = None
    credential: str | None = None
    subject: str | None = None
    expires_at: float | None = None

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return self.kind if self.kind == "local" else f"{self.kind}:{self.name}"


LOCAL = Principal("local", "", PERMISSIONS[Role.ADMIN], Role.ADMIN)


def secret_of(prefix: str, randomness: bytes) -> str:
    """A token or a session's secret from 32 random bytes."""
    if len(randomness) != 32:
        raise ValueError("a secret takes 32 random bytes")
    return prefix + urlsafe_b64encode(randomness).rstrip(b"=").decode()


def hash_of(secret: str) -> str:
    """As it is kept. A plain hash is enough for 256 random bits; passwords have argon2."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def address_of_peer(text: str) -> IPv4Address | IPv6Address | None:
    """An address as a socket or a proxy writes it; None for what is none. IPv4 within IPv6 is IPv4."""
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def neighbourhood(text: str) -> str:
    """What counts as one guesser: an IPv4 address, or a /64 of IPv6, of which one household has all addresses."""
    address = address_of_peer(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return text


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine. A page elsewhere may point its own name here (DNS rebinding); the name
    stays its own."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower().rstrip(".") == "localhost" or name.lower().endswith(".localhost"):
        return True
    address = address_of_peer(name)
    return address is not None and address.is_loopback

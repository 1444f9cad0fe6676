"""Links that open one file for some time, to whoever has them: signed, and checked without asking anybody."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum
from urllib.parse import urlencode

from .evidence import MEDIA_TYPES

DAY_S = 86_400


class Refusal(StrEnum):
    """Why a link opens nothing."""

    EXPIRED = "link-expired"
    WRONG = "wrong-signature"


def sign(key: bytes, path: str, expires: int) -> str:
    """The query that lets ``path`` be opened until ``expires`` (unix s)."""
    return urlencode({"expires": expires, "signature": _signature(key, path, str(expires))})


def verify(key: bytes, path: str, expires: str, signature: str, now: float) -> Refusal | None:
    """Whether a query was made by :func:`sign` for this path and has not expired by ``now`` (unix s); None: it was.
    Only who has a right link learns that it has expired."""
    right = _signature(key, path, expires).encode()
    # Digits only: with a line break in the time, a path and a time could be another path and another time.
    if not (expires.isdigit() and hmac.compare_digest(right, signature.encode("utf-8", "surrogatepass"))):
        return Refusal.WRONG
    return Refusal.EXPIRED if int(expires) < now else None


def sign_pass(key: bytes, credential: str, expires: int) -> str:
    """What lets a page read, until ``expires`` (unix s), as the session or token of that id."""
    return f"{expires}.{_signature(key, _pass_path(credential), str(expires))}.{credential}"


def read_pass(key: bytes, text: str, now: float) -> str | Refusal:
    """The id of the session or token that a pass was made for; a :class:`Refusal` for one that is expired or wrong."""
    expires, _, rest = text.partition(".")
    signature, _, credential = rest.partition(".")
    return verify(key, _pass_path(credential), expires, signature, now) or credential


def _pass_path(credential: str) -> str:
    """No path of a link begins like this."""
    return f"pass:{credential}"


def evidence_path(event_id: str, name: str) -> str:
    """Where a file of an event's evidence is found."""
    return f"/api/v1/events/{event_id}/evidence/{name}"


def evidence_links(event_id: str, base_url: str, key: bytes, now: float, days: float) -> list[dict[str, str]]:
    """A signed link to each file that the evidence of an event will have, from ``now`` (unix s) for so many days.
    ``base_url``: how this server is reached, without a slash at its end."""
    expires = round(now + days * DAY_S)
    links = []
    for name, media_type in MEDIA_TYPES.items():
        path = evidence_path(event_id, name)
        links.append({"name": name, "media_type": media_type, "url": f"{base_url}{path}?{sign(key, path, expires)}"})
    return links


def _signature(key: bytes, path: str, expires: str) -> str:
    text = f"{path}\n{expires}".encode("utf-8", "surrogatepass")
    return urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=").decode()

"""Signatures of webhooks, as Standard Webhooks 1.0 has them: https://www.standardwebhooks.com."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def secret_of(randomness: bytes) -> str:
    """A secret as people copy it, from 24 to 64 random bytes."""
    if not LEAST_BYTES <= len(randomness) <= MOST_BYTES:
        raise ValueError(f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes")
    return PREFIX + base64.b64encode(randomness).decode()


def signatures(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``: one signature (HMAC-SHA256) for each secret, so that a receiver finds its own
    while it changes from one to the next. ``timestamp``: unix seconds of this try."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

"""Passwords for TURN that end by themselves: draft-uberti-behave-turn-rest-00, as coturn has it (use-auth-secret)."""

from __future__ import annotations

import base64
import hashlib
import hmac


def turn_credentials(secret: str, user: str, expires: int) -> tuple[str, str]:
    """User name and password that the TURN server takes until ``expires`` (unix seconds)."""
    username = f"{expires}:{user}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()

"""Passwords for TURN."""

from __future__ import annotations

import base64
import hashlib
import hmac

from server.core.turn import turn_credentials


def test_as_coturn_reckons_them() -> None:
    username, password = turn_credentials("north", "vigie", 1_700_000_000)
    assert username == "1700000000:vigie"
    assert base64.b64decode(password) == hmac.digest(b"north", b"1700000000:vigie", hashlib.sha1)
    assert turn_credentials("south", "vigie", 1_700_000_000)[1] != password

"""Signatures: those of the Standard Webhooks library, and none but those."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from server.core.signature import PREFIX, secret_of, signatures

OLD, NEW, OTHER = (secret_of(bytes([number]) * 24) for number in (1, 2, 3))
BODY = '{"type":"event.confirmed","data":{"note":"é 火"}}'.encode()


def headers(signature: str, at: int) -> dict[str, str]:
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}


def test_the_example_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = signatures([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_live_secrets_are_found_by_the_library() -> None:
    now = int(time.time())
    signed = headers(signatures([NEW, OLD], "msg_1", now, BODY), now)
    for secret in (NEW, OLD):
        Webhook(secret).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY + b" ", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, {**signed, "webhook-id": "msg_2"})


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_its_bytes(randomness: bytes) -> None:
    secret = secret_of(randomness)
    assert base64.b64decode(secret.removeprefix(PREFIX)) == randomness
    at = datetime(2026, 11, 25, tzinfo=UTC)
    assert Webhook(secret).sign("msg_1", at, BODY.decode()) == signatures([secret], "msg_1", int(at.timestamp()), BODY)


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_secret_too_short_or_too_long(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        secret_of(bytes(size))


def test_no_secret_no_signature() -> None:
    assert signatures([], "msg_1", 0, BODY) == ""

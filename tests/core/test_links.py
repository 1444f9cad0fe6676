"""Links that open one file for some time."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.evidence import MEDIA_TYPES
from server.core.links import Refusal, evidence_links, evidence_path, sign, verify

KEY = b"k" * 32
EVENT = "0192f0c1-2345-7abc-8def-0123456789ab"


def parts(query: str) -> tuple[str, str]:
    fields = parse_qs(query)
    return fields["expires"][0], fields["signature"][0]


@given(st.text(), st.integers(0, 2**40), st.binary(min_size=1))
def test_what_was_signed_is_right_until_it_expires(path: str, expires: int, key: bytes) -> None:
    query = sign(key, path, expires)
    assert verify(key, path, *parts(query), now=expires) is None
    assert verify(key, path, *parts(query), now=expires + 0.001) is Refusal.EXPIRED


@pytest.mark.parametrize(
    ("path", "expires", "signature"),
    [
        ("/other", None, None),
        ("/a", "2000", None),
        ("/a", "", None),
        ("/a", "1e9", None),
        ("/a", None, ""),
        ("/a", None, "x"),
        ("/a", None, "ä\ud800"),
    ],
)
def test_anything_else_is_not(path: str, expires: str | None, signature: str | None) -> None:
    given_expires, given_signature = parts(sign(KEY, "/a", 1000))
    refusal = verify(
        KEY,
        path,
        given_expires if expires is None else expires,
        given_signature if signature is None else signature,
        now=0,
    )
    assert refusal is Refusal.WRONG


def test_another_key_opens_nothing() -> None:
    assert verify(b"other", "/a", *parts(sign(KEY, "/a", 1000)), now=0) is Refusal.WRONG


def test_a_path_cannot_run_into_the_time() -> None:
    expires, signature = parts(sign(KEY, "/a\n1", 2))
    assert verify(KEY, "/a", f"1\n{expires}", signature, now=0) is Refusal.WRONG


def test_an_event_has_a_link_for_each_file() -> None:
    links = evidence_links(EVENT, "https://vigie.example/base", KEY, now=1_000_000, days=7)
    assert [(link["name"], link["media_type"]) for link in links] == list(MEDIA_TYPES.items())
    for link in links:
        url = urlsplit(link["url"])
        path = evidence_path(EVENT, link["name"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"https://vigie.example/base{path}"
        assert verify(KEY, path, *parts(url.query), now=1_000_000 + 7 * 86_400) is None
        assert verify(KEY, path, *parts(url.query), now=1_000_001 + 7 * 86_400) is Refusal.EXPIRED

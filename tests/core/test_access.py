"""Roles, secrets, addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.access import (
    LOCAL,
    NAME,
    PERMISSIONS,
    TOKEN,
    Permission,
    Principal,
    Role,
    address_of_peer,
    hash_of,
    is_loopback_host,
    neighbourhood,
    secret_of,
)


def test_each_role_may_all_that_the_one_below_may() -> None:
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.OPERATOR] < PERMISSIONS[Role.ADMIN] == frozenset(Permission)


def test_only_admins_say_who_has_access_and_what_model_looks() -> None:
    assert PERMISSIONS[Role.ADMIN] - PERMISSIONS[Role.OPERATOR] == {Permission.ACCESS, Permission.MODELS}


def test_who_it_was_as_the_log_names_it() -> None:
    assert LOCAL.actor == "local"
    assert Principal("user", "anna", frozenset()).actor == "user:anna"


def test_a_secret_is_recognised_and_its_hash_is_not_it() -> None:
    secret = secret_of(TOKEN, bytes(32))
    assert secret == "vigie_" + "A" * 43
    assert len(hash_of(secret)) == 64
    assert hash_of("\udc80"), "a header may hold any bytes"
    with pytest.raises(ValueError, match="32"):
        secret_of(TOKEN, b"short")


@pytest.mark.parametrize("name", ["anna", "Anna B.", "a", "anna@example.org", "A" * 63])
def test_names(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", " anna", "anna ", "a\nb", "<b>", "é", "A" * 64, "../x", "-x"])
def test_what_is_no_name(name: str) -> None:
    assert not NAME.fullmatch(name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", "None"),
        ("unknown", "None"),
        ("192.0.2.7:80", "None"),
    ],
)
def test_addresses_as_they_come(text: str, found: str) -> None:
    assert str(address_of_peer(text)) == found


def test_a_household_is_one_guesser() -> None:
    assert neighbourhood("2001:db8:0:1::1") == neighbourhood("2001:db8:0:1:ffff::2") == "2001:db8:0:1::"
    assert neighbourhood("2001:db8:0:2::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:5000", "localhost.", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "a.localhost:1"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example:5000", "127.0.0.1.evil.example", "192.0.2.7", "[2001:db8::1]", "["],
)
def test_names_that_anybody_may_point_here(host: str) -> None:
    assert not is_loopback_host(host)


@given(st.text())
def test_no_host_breaks_it(host: str) -> None:
    is_loopback_host(host)
    neighbourhood(host)

"""Where a camera may be: every way to write an address, and every answer of a name server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.addresses import ANYWHERE, AddressRefused, AddressRule, may_be_told
from server.plugins import SourceLost

LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "2002:7f00:1::"]
NEVER = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "::ffff:100.100.100.200"),
    *("fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"),
    *("0.0.0.0", "::", "224.0.0.1", "239.1.2.3", "ff02::1", "255.255.255.255", "240.0.0.1", "::127.0.0.1"),
]
USUAL = ["10.0.0.7", "192.168.1.20", "172.16.3.4", "100.64.0.1", "8.8.8.8", "fd00::7", "2606:4700::1111"]

Answers = Callable[..., None]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Let the name server answer so."""

    def answer(*addresses: str) -> None:
        def found(host: str, port: int, **options: Any) -> list[Any]:
            return [
                (socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port))
                for text in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", found)

    return answer


@pytest.mark.parametrize("text", LOCAL)
def test_this_machine_only_where_it_is_allowed(text: str) -> None:
    assert not AddressRule().permits(ip_address(text))
    assert AddressRule(loopback=True).permits(ip_address(text))


@pytest.mark.parametrize("text", NEVER)
def test_what_is_no_camera(text: str) -> None:
    assert not AddressRule(loopback=True).permits(ip_address(text))
    assert ANYWHERE.permits(ip_address(text))


@pytest.mark.parametrize("text", USUAL)
def test_where_cameras_are(text: str) -> None:
    assert AddressRule().permits(ip_address(text))


def test_networks_are_the_only_ones() -> None:
    rule = AddressRule((ip_network("10.0.0.0/8"), ip_network("127.0.0.2/32"), ip_network("fd00::/8")))
    for text, permitted in [("10.1.2.3", True), ("127.0.0.2", True), ("127.0.0.1", False), ("::ffff:10.1.1.1", True)]:
        assert rule.permits(ip_address(text)) is permitted
    assert rule.permits(ip_address("fd12::1"))
    assert not rule.permits(ip_address("11.0.0.1"))
    assert not rule.permits(ip_address("::1"))


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_it_maps(address: IPv4Address) -> None:
    for rule in (AddressRule(), AddressRule(loopback=True), AddressRule((ip_network("10.0.0.0/8"),))):
        assert rule.permits(IPv6Address(f"::ffff:{address}")) == rule.permits(address)
        assert rule.permits(IPv6Address(0x2002 << 112 | int(address) << 80)) == rule.permits(address)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        (["10.0.0.7"], "10.0.0.7"),
        (["127.0.0.1", "10.0.0.7"], "10.0.0.7"),
        (["10.0.0.7", "127.0.0.1"], "10.0.0.7"),
        (["fe80::1%eth0", "::1", "fd00::7"], "fd00::7"),
    ],
)
def test_of_a_name_with_several_addresses_one_that_is_permitted(
    found: list[str], chosen: str, answers: Answers
) -> None:
    answers(*found)
    assert AddressRule().resolve("camera.example", 554) == chosen


@pytest.mark.parametrize("found", [["127.0.0.1"], ["::1", "169.254.169.254"], ["fe80::1%eth0"], ["::ffff:127.0.0.1"]])
def test_a_name_that_leads_where_no_camera_is(found: list[str], answers: Answers) -> None:
    answers(*found)
    with pytest.raises(AddressRefused, match=r"^the address of camera\.example is not among those"):
        AddressRule().resolve("camera.example", 554)
    assert ANYWHERE.resolve("camera.example", 554) == "camera.example"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "017700000001", "localhost"])
def test_odd_ways_to_write_this_machine(host: str) -> None:
    with pytest.raises(AddressRefused):
        AddressRule().resolve(host, 554)
    assert AddressRule(loopback=True).resolve(host, 554) in ("127.0.0.1", "::1")


@pytest.mark.parametrize("host", ["name.invalid", "a..b", "a" * 64 + ".example", "\ud800", "-", "a\x00b", " "])
def test_a_name_that_nobody_knows(host: str) -> None:
    for rule in (AddressRule(), ANYWHERE):
        with pytest.raises(SourceLost, match="is not known"):
            rule.resolve(host, 554)


# --- who may be told -------------------------------------------------------------------------------------------------

PRIVATE = [
    *("127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.20", "100.64.0.1", "169.254.1.1", "::1", "fd00::7", "fe80::1"),
    *("::ffff:10.0.0.7", "2002:7f00:1::", "64:ff9b::a00:7", "192.0.0.8", "198.18.0.1", "203.0.113.5", "192.88.99.1"),
    *("2001:db8::1", "2001::1", "3fff::1", "64:ff9b:1::808:808", "::127.0.0.1", "fec0::1", "100::1", "255.255.255.255"),
    *("240.0.0.1", "0.1.2.3", "5f00::1", "4000::1"),
]
NOBODY = [
    *(
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "0.0.0.0",
    ),
    *("::", "224.0.0.1", "239.1.2.3", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
    *("fd20:ce::254", "fd00:c1::a9fe:a9fe", "169.254.42.42", "fd00:42::42", "fe80::a9fe:a9fe", "fe80::a9fe:a9fe%eth0"),
    *("64:ff9b:1::a9fe:a9fe", "64:ff9b:1:7::6464:64c8", "::a9fe:a9fe", "::a9fe:2a2a"),
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_private_receivers_only_where_they_are_allowed(text: str) -> None:
    assert not may_be_told(ip_address(text), private=False)
    assert may_be_told(ip_address(text), private=True)


@pytest.mark.parametrize("text", NOBODY)
def test_who_is_never_told(text: str) -> None:
    assert not may_be_told(ip_address(text), private=False)
    assert not may_be_told(ip_address(text), private=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_receivers(text: str) -> None:
    assert may_be_told(ip_address(text), private=False)


@given(st.ip_addresses(v=4), st.booleans())
def test_in_whatever_form_it_is_written(address: IPv4Address, private: bool) -> None:
    told = may_be_told(address, private)
    assert may_be_told(IPv6Address(f"::ffff:{address}"), private) is told
    assert may_be_told(IPv6Address(0x2002 << 112 | int(address) << 80), private) is told
    assert may_be_told(IPv6Address(0x64FF9B << 96 | int(address)), private) is told
    if told and not private:
        assert address.is_global


@given(st.ip_addresses(v=6))
def test_what_is_private_is_not_public(address: IPv6Address) -> None:
    if may_be_told(address, private=False):
        assert may_be_told(address, private=True)
        assert not any((address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified))

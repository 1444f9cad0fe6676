"""Where a camera may be: every way to write an address, and every answer of a name server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.addresses import ANYWHERE, AddressRefused, AddressRule
from server.plugins import SourceLost

LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "2002:7f00:1::"]
NEVER = [
    *("169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254", "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "::ffff:100.100.100.200"),
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

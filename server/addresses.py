"""Where the URL of a camera may lead: who may add cameras must not reach all that this machine can reach."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from .plugins import SourceLost

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = tuple(
    ip_network(text)
    for text in (
        *("100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"),
        *("fd00:ec2::/32", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128", "fd00:42::42/128"),
    )
)
"""Where clouds answer questions about a machine, besides the link-local range: such answers hold keys."""


CREDENTIALS = tuple(
    ip_network(text) for text in ("169.254.169.0/24", "169.254.170.0/24", "169.254.42.42/32", "fe80::a9fe:a9fe/128")
)
"""The link-local ones of those."""

NAT64 = IPv6Network("64:ff9b::/96")
EMBEDDING = tuple(ip_network(text) for text in ("::/96", "64:ff9b:1::/48"))
"""Nothing public is in here, but what translates these leads to the IPv4 address at their end (RFC 4291, RFC 8215)."""

UNICAST = IPv6Network("2000::/3")
"""What is public in IPv6 is in here."""

SPECIAL = tuple(
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
"""For protocols, tunnels and documents, in the midst of what is public."""


class AddressRefused(SourceLost):
    """The address is not one that a camera may have; the message says so."""


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Which addresses may be connected to. ``networks``: these alone; empty: all that a camera may have.

    A camera is in a private or a public network; on the machine itself only where ``loopback`` says so.
    """

    networks: tuple[Network, ...] = ()
    loopback: bool = False
    everything: bool = False

    def permits(self, address: Address) -> bool:
        """Whether this address may be connected to."""
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address.sixtofour or address
        if self.everything:
            return True
        if self.networks:
            return any(address in network for network in self.networks)
        if address.is_loopback:
            return self.loopback
        if any(address in network for network in METADATA):
            return False
        return not (address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved)

    def resolve(self, host: str, port: int) -> str:
        """The address to connect to, as text (where all are permitted, the host as it was given). Blocks the caller
        while the name is looked up.

        Raises :class:`AddressRefused` when no address of the host is permitted, :class:`SourceLost` when it has none.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise SourceLost(f"the host name {host} is not known") from error
        if self.everything:
            return host
        addresses = [str(entry[4][0]) for entry in found]
        permitted = [text for text in addresses if self.permits(ip_address(text.partition("%")[0]))]
        if not permitted:
            raise AddressRefused(f"the address of {host} is not among those that cameras may have")
        return permitted[0]


ANYWHERE = AddressRule(everything=True)
"""For cameras of the settings file: who writes it may do as they like."""


def carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64), or else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def may_be_told(address: Address, private: bool) -> bool:
    """Whether alerts may be sent to an address: to a public one, or, where ``private`` says so, to one of this machine
    and its networks; to what hands out the keys of a cloud, never."""
    address = carried(address)
    end = IPv4Address(int(address) & 0xFFFFFFFF) if any(address in net for net in EMBEDDING) else address
    if any(one in net for one in (address, end) for net in METADATA + CREDENTIALS):
        return False
    if address.is_multicast or address.is_unspecified:
        return False
    public = address.is_global if isinstance(address, IPv4Address) else address in UNICAST
    return private or (public and not any(address in net for net in SPECIAL))

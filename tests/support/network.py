"""A second host on this machine: a network namespace behind a cable that loses packets. Needs root, ip and nft."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NETWORK = "198.18.77"
"""Of the range for tests of networks (RFC 2544): no host of anybody is there."""


@dataclass(frozen=True, slots=True)
class FarHost:
    """A network namespace and the address of its end of the cable."""

    namespace: str
    address: str

    def lose(self, percent: float) -> None:
        """Drop this share of what leaves the far host, by chance; 0 drops none."""
        # By nftables: netem, which could do the same, is missing from many kernels.
        self._nft("add table netdev loss; delete table netdev loss")
        if percent:
            self._nft(
                "table netdev loss { chain out { type filter hook egress device far priority 0; "
                f"ip protocol {{ tcp, udp }} numgen random mod 1000 < {round(percent * 10)} drop; }}; }}"
            )

    def _nft(self, rules: str) -> None:
        subprocess.run(["ip", "netns", "exec", self.namespace, "nft", rules], check=True)


def why_not() -> str | None:
    """What is missing for a :func:`far_host`, or None."""
    if os.geteuid():
        return "only root may make a network namespace"
    missing = [name for name in ("ip", "nft") if not shutil.which(name)]
    if missing:
        return f"no {' and no '.join(missing)} on this machine"
    try:
        with far_host() as host:
            host.lose(1)
    except subprocess.CalledProcessError:
        return "network namespaces or nftables do not work on this machine"
    return None


@contextmanager
def far_host() -> Iterator[FarHost]:
    """Another host, for as long as the block runs."""
    name = f"vigie-{os.getpid()}"
    near = f"vg{os.getpid()}"
    commands = (
        f"ip netns add {name}",
        f"ip link add {near} type veth peer name far netns {name}",
        f"ip addr add {NETWORK}.1/30 dev {near}",
        f"ip link set {near} up",
        f"ip -n {name} addr add {NETWORK}.2/30 dev far",
        f"ip -n {name} link set far up",
        f"ip -n {name} link set lo up",
    )
    try:
        for command in commands:
            subprocess.run(command.split(), check=True, capture_output=True)
        yield FarHost(name, f"{NETWORK}.2")
    finally:
        # The cable goes with the namespace, but only once the last process in it has ended.
        subprocess.run(["ip", "link", "del", near], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

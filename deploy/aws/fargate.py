"""The way in on AWS: learns the public address of this task or machine, then becomes the server.

A task of Fargate sees its private address only, and Amazon translates another one to it, one to one. WebRTC has to
offer that other one to browsers. Needs nothing but Python.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from ipaddress import IPv4Address

ASKED = "https://checkip.amazonaws.com"
"""Amazon's own; it answers the address that a request came from, and takes no credentials."""

TRIES, PAUSE_S, TIMEOUT_S = 3, 1.0, 3.0
NAME = "VIGIE_ICE__PUBLIC_ADDRESS"
URL = "VIGIE_PUBLIC_URL"


def public_address(asked: str) -> str | None:
    """The address from which this task is seen, or None where nobody tells."""
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
                return str(IPv4Address(answer.read(100).decode().strip()))
        except (OSError, ValueError) as error:
            print(f"{asked} does not tell the public address: {error}.", file=sys.stderr)
        if left:
            time.sleep(PAUSE_S)
    return None


def environment(given: dict[str, str], asked: str = ASKED) -> dict[str, str]:
    """The server's environment: with the public address, unless it is set already, and by it the URL of the page."""
    if given.get(NAME):
        return given
    address = public_address(asked)
    if address is None:
        # Rather a Vigie that watches, with video by WebSocket, than none.
        print(f"WebRTC will not work from outside, the WebSocket will. Set {NAME}.", file=sys.stderr)
        return given
    return {URL: f"https://{address}:{given.get('VIGIE_PORT', '5000')}", **given, NAME: address}


if __name__ == "__main__":
    os.execve(sys.executable, [sys.executable, "-m", "server", *sys.argv[1:]], environment(dict(os.environ)))

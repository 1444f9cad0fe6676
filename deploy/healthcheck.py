"""Whether the server of this container answers, by HTTPS or HTTP: exit code 0 or 1. Needs nothing but Python."""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request


def answers(scheme: str, port: str) -> bool:
    """Whether ``/healthz`` on loopback answers 200 within two seconds."""
    # The certificate names the site, not loopback, and on loopback nobody is in between.
    trusting = ssl._create_unverified_context() if scheme == "https" else None
    try:
        with urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}/healthz", timeout=2, context=trusting) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    port = os.environ.get("VIGIE_PORT", "5000")
    sys.exit(0 if answers("http", port) or answers("https", port) else 1)

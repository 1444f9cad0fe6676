"""Who may use the server, and by what certificate it is known."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from .base import Section


class AccessSettings(Section):
    """Who may use the server; see docs/access.md."""

    local: bool = Field(
        True, description="Whether requests from this very machine, not by a proxy, need neither login nor token."
    )
    proxies: tuple[str, ...] = Field(
        (),
        description="Networks of proxies whose X-Forwarded-For, -Proto and -Host are believed, as 10.0.0.0/8. Those of "
        "anybody else are not.",
    )
    session_days: float = Field(7, gt=0, le=365, description="After so long a browser has to log in again.")
    guesses: int = Field(
        10, ge=3, le=1000, description="Wrong guesses from one address before it has to wait, longer each time."
    )
    audit_days: float = Field(365, gt=0, description="How long the audit log is kept.")
    audit_most: int = Field(100_000, ge=100, description="Its lines; of more, the oldest go.")

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for text in proxies:
            ip_network(text)
        return proxies


class TlsSettings(Section):
    """HTTPS, without which browsers give no webcam to a page from another machine. tls: self-made is short for
    self_made: true."""

    certificate: Path | None = Field(
        None, description="PEM file of the certificate and those between it and its authority; read anew when changed."
    )
    key: Path | None = Field(None, description="PEM file of its key, without a password.")
    self_made: bool = Field(
        False,
        description="Make a certificate in the data folder and renew it in time. Browsers warn of it once, since no "
        "authority vouches for it.",
    )
    names: tuple[str, ...] = Field(
        (), description="Further names and addresses for it, besides this machine's own and that of public_url."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, values: Any) -> Any:
        return {"self_made": True} if values == "self-made" else values

    @model_validator(mode="after")
    def _possible(self) -> TlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")
        if self.certificate and self.self_made:
            raise ValueError("give a certificate, or have one made, not both")
        if self.names and not self.self_made:
            raise ValueError("names are for a certificate that is made: set self_made")
        return self

    @property
    def enabled(self) -> bool:
        """Whether this server speaks HTTPS."""
        return self.self_made or self.certificate is not None

"""How media finds its way: STUN and TURN servers, a public address, a range of ports."""

from __future__ import annotations

import re
from ipaddress import ip_address

from pydantic import Field, SecretStr, field_validator, model_validator

from .base import Section

URL = re.compile(
    r"(?P<scheme>stun|turn|turns):(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?"
    r"(\?transport=(?P<transport>udp|tcp))?"
)
"""RFC 7064 and RFC 7065."""


class IceSettings(Section):
    """How the video of WebRTC gets through routers and firewalls. Without anything, it goes over UDP, directly."""

    stun: tuple[str, ...] = Field(
        (), max_length=4, description="STUN servers, as stun:HOST:3478. The server itself asks the first."
    )
    turn: tuple[str, ...] = Field(
        (),
        max_length=4,
        description="TURN servers, as turn:HOST:3478?transport=udp or turns:HOST:5349?transport=tcp. The server itself "
        "uses the first.",
    )
    turn_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="The secret shared with the TURN server (coturn: static-auth-secret); of it passwords are made "
        "that live for ttl_s. Never shown.",
    )
    turn_username: str | None = Field(None, max_length=200, description="User name, where there is no such secret.")
    turn_password: SecretStr | None = Field(None, max_length=200, description="Its password; never shown to a log.")
    ttl_s: int = Field(3600, ge=60, le=86400, description="How long a TURN password made of the secret is good.")
    public_address: str | None = Field(
        None,
        description="IP address at which others reach this machine's media, where a router translates it one to one.",
    )
    port_min: int | None = Field(None, ge=1024, le=65535, description="First UDP port for media; else any.")
    port_max: int | None = Field(None, ge=1024, le=65535, description="Last UDP port for media.")

    @field_validator("stun", "turn")
    @classmethod
    def _are_servers(cls, urls: tuple[str, ...], info: object) -> tuple[str, ...]:
        name = str(getattr(info, "field_name", ""))
        for url in urls:
            found = URL.fullmatch(url)
            if not found or found["scheme"].removesuffix("s") != name:
                example = "turn:HOST:PORT?transport=udp" if name == "turn" else "stun:HOST:PORT"
                raise ValueError(f"a server is given as {example}")
            if found["scheme"] == "stun" and found["transport"]:
                raise ValueError("a STUN server has no transport")
            if found["scheme"] == "turns" and found["transport"] == "udp":
                raise ValueError("turns: is TLS over TCP: give ?transport=tcp")
        return urls

    @field_validator("public_address")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address is not None:
            ip_address(address)
        return address

    @model_validator(mode="after")
    def _possible(self) -> IceSettings:
        if (self.port_min is None) != (self.port_max is None):
            raise ValueError("port_min and port_max go together")
        if self.port_min and self.port_max and self.port_min > self.port_max:
            raise ValueError("port_min must not be above port_max")
        if self.turn and not self.turn_secret and not (self.turn_username and self.turn_password):
            raise ValueError("a TURN server needs turn_secret, or turn_username and turn_password")
        return self

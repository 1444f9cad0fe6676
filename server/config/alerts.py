"""Who is told of events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from ..plugins import SourceLost
from ..urls import address_of
from .base import Section, credentials_apart


class MqttSettings(Section):
    """An MQTT broker that gets the alerts, and shows how each camera stands; see docs/mqtt.md."""

    url: str | None = Field(
        None,
        max_length=2000,
        description="mqtt://HOST or, encrypted, mqtts://HOST; with :PORT where it is not 1883 or 8883. Without it "
        "nothing is sent.",
    )
    username: str | None = Field(None, max_length=200, description="User name; kept apart from the URL, never shown.")
    password: SecretStr | None = Field(None, max_length=200, description="Password; never shown.")
    ca_file: Path | None = Field(
        None,
        description="PEM file of who signed the broker's certificate, where that is nobody whom this system trusts.",
    )
    prefix: str = Field(
        "vigie",
        max_length=200,
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
        description="What all topics begin with; another one for each Vigie at the broker.",
    )
    client_id: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="By which the broker knows this server, and no other; else vigie- and the name of this machine.",
    )
    states: tuple[Literal["suspected", "confirmed", "ended", "retracted", "judged"], ...] = Field(
        ("confirmed", "ended", "retracted"),
        description="What is told of events: suspected, confirmed, ended, retracted, judged. A retraction always comes "
        "where the alarm came.",
    )

    @model_validator(mode="before")
    @classmethod
    def _part(cls, values: Any) -> Any:
        return credentials_apart(values)

    @model_validator(mode="after")
    def _possible(self) -> MqttSettings:
        if self.password and not self.username:
            raise ValueError("a password needs a username")
        if self.ca_file and not self.encrypted:
            raise ValueError("a ca_file is for mqtts:// URLs")
        return self

    @field_validator("url")
    @classmethod
    def _opens(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not re.fullmatch(r"(?i:mqtts?)://[^/?#\s]+/?", url):
            raise ValueError("a broker is given as mqtt://HOST:PORT or mqtts://HOST:PORT")
        try:
            address_of(url, {})
        except SourceLost as error:
            raise ValueError(str(error)) from error
        return url

    @property
    def encrypted(self) -> bool:
        """Whether the URL asks for TLS."""
        return bool(self.url and self.url.lower().startswith("mqtts:"))

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the broker."""
        return address_of(self.url or "", {"mqtt": 1883, "mqtts": 8883})


class WebhookSettings(Section):
    """Who may be told of events, and how long Vigie tries."""

    allow_private: bool = Field(False, description="Whether receivers may be on this machine and in private networks.")
    most: int = Field(100, ge=0, le=1000, description="Webhooks up to which the API may add.")
    at_a_time: int = Field(8, ge=1, le=100, description="Deliveries under way to one receiver; of one event, one.")
    connect_s: float = Field(5, gt=0, le=60, description="Time to look its name up and connect.")
    answer_s: float = Field(15, gt=0, le=60, description="Time for a whole delivery, with its answer.")
    try_for_h: float = Field(24, gt=0, le=720, description="Time after which a delivery that fails is given up.")
    keep_days: float = Field(
        30,
        gt=0,
        le=3650,
        description="Age at which what was delivered or given up is removed, but for alarms: they stay as long as "
        "their event.",
    )

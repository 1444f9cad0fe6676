"""Cameras, and what whoever uses the API may open as one."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from ..core.policy import ConfirmationPolicy
from ..plugins import SourceLost, kinds
from ..urls import PUSHED, address_of, source_kind
from .base import Label, Polygon, Section, credentials_apart
from .policy import PolicyChanges


class CameraSettings(Section):
    """One camera."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$", description="Letters, digits, dot, dash, underscore."
    )
    url: str = Field(
        min_length=1,
        max_length=2000,
        description="rtsp, rtsps, http, https, rtmp or rtmps URL; a file; a device such as /dev/video0; or whip: for a "
        "camera whose video is pushed to /whip/NAME.",
    )
    transport: Literal["tcp", "udp"] = Field("tcp", description="How RTSP brings the video: tcp or udp.")
    username: str | None = Field(None, max_length=200, description="User name; kept apart from the URL, never shown.")
    password: SecretStr | None = Field(
        None, max_length=200, description="Password, or the token of a camera that is pushed; never shown."
    )
    loop: bool = Field(False, description="Begin a file again when it ends.")
    look_rate: float | None = Field(
        None, gt=0, le=60, description="Looks a second while something moves; detector.look_rate where it is not given."
    )
    zones: tuple[Polygon, ...] = Field(
        (), max_length=32, description="Polygons of [x, y] from 0 to 1: only what happens inside one of them counts."
    )
    masks: tuple[Polygon, ...] = Field(
        (), max_length=32, description="Polygons of [x, y] from 0 to 1: blacked out for everybody, never looked at."
    )
    motion_gate: bool = Field(True, description="Look rarely, once in two seconds at least, while nothing moves.")
    enabled: bool = Field(True, description="Whether the camera is watched.")
    labels: tuple[Label, ...] = Field((), max_length=16, description="Words to group and find cameras by.")
    policy: PolicyChanges | None = Field(
        None, description="Where the confirmation policy of this camera differs from the usual one, as under policy."
    )

    @model_validator(mode="before")
    @classmethod
    def _part(cls, values: Any) -> Any:
        return credentials_apart(values)

    @field_validator("url")
    @classmethod
    def _opens(cls, url: str) -> str:
        if "\x00" in url or any(ord(sign) < 32 for sign in url):
            raise ValueError("a URL has no control characters")
        kind = source_kind(url)
        if kind != PUSHED and kind not in kinds("sources"):
            raise ValueError(f"there is no kind of camera for {kind}: URLs")
        if kind in ("rtsp", "rtmp", "http"):
            try:
                address_of(url, {})
            except SourceLost as error:
                raise ValueError(str(error)) from error
        return url

    @field_validator("username", "password")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        """A line break in a user name would begin a line of its own in what is sent to the camera."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
            raise ValueError("control characters cannot be in it")
        return value

    @field_validator("labels")
    @classmethod
    def _once(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(labels))

    def policy_over(self, usual: ConfirmationPolicy) -> ConfirmationPolicy:
        """The confirmation policy of this camera; raises ValueError when its own does not go with the usual one."""
        return self.policy.over(usual) if self.policy else usual

    def policy_in_force(self, usual: ConfirmationPolicy) -> ConfirmationPolicy:
        """The same; where the two do not go together, because the usual one changed since, the usual one alone."""
        try:
            return self.policy_over(usual)
        except ValueError:
            return usual

    @property
    def kind(self) -> str:
        """The kind of source that opens it."""
        return source_kind(self.url)

    def same_stream(self, other: CameraSettings) -> bool:
        """Whether the other settings ask for the very same stream, so that it need not be opened again."""
        return all(
            getattr(self, field) == getattr(other, field)
            for field in ("url", "transport", "username", "password", "loop", "enabled")
        )


class FleetSettings(Section):
    """What whoever uses the API may open as a camera. Cameras of the settings and the command line may be anything."""

    schemes: tuple[str, ...] = Field(
        ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "whip"),
        description="Schemes of URLs allowed; file and v4l2 let API users read files and devices of this machine.",
    )
    networks: tuple[str, ...] = Field(
        (),
        description="Networks allowed, as 10.0.0.0/8. Without any: all but link-local, multicast, cloud metadata and, "
        "unless Vigie itself listens on loopback only, loopback.",
    )
    most_cameras: int = Field(64, ge=0, le=1000, description="Cameras up to which the API and publishers may add.")

    @field_validator("schemes")
    @classmethod
    def _are_schemes(cls, schemes: tuple[str, ...]) -> tuple[str, ...]:
        known = {PUSHED, *kinds("sources")}
        if unknown := [scheme for scheme in schemes if source_kind(f"{scheme}://") not in known]:
            raise ValueError(f"there is no kind of camera for {', '.join(unknown)}")
        return schemes

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for text in networks:
            ip_network(text)
        return networks

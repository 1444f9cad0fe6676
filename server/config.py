"""All settings in one typed object: ``vigie.yaml``, over it ``VIGIE_*`` variables, over them the command line."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from .core.policy import ConfirmationPolicy
from .plugins import SourceLost, kinds
from .urls import PUSHED, address_of, source_kind, split_credentials

BUNDLED_MODEL = Path(__file__).resolve().parent.parent / "models" / "gun-yolov8n.onnx"


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ConfigError(Exception):
    """The settings are wrong; the message names each mistake."""


class Section(BaseModel):
    """A part of the settings; an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Polygon = Annotated[tuple[tuple[Fraction, Fraction], ...], Field(min_length=3, max_length=64)]
"""At least three points (x, y), as fractions of the width and the height of the picture."""

Label = Annotated[str, Field(min_length=1, max_length=40)]


Hits = Annotated[int, Field(ge=2, le=100)]
Seconds = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
Window = Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)]
Zones = Annotated[tuple[Polygon, ...], Field(max_length=32)]


class PolicySettings(Section):
    """When a sighting is confirmed; see docs/decisions/0004-confirmation.md and 0011-policy-replay.md."""

    hits: Hits = Field(3, description="Looks that must have seen it ...")
    of: Hits = Field(5, description="... of so many last looks.")
    median_score: Fraction = Field(0.4, description="Least median score of those.")
    window_s: Window = Field(2.0, description="Older looks do not count; no pause in a dwell may be longer.")
    span_s: Seconds = Field(0.15, description="Time from the first to the last of them.")
    smallest_share: Fraction = Field(0.0, description="Share of the picture its box must cover.")
    zones: Zones = Field((), description="Polygons of [x, y] from 0 to 1: it counts only while inside one of them.")
    dwell_s: Seconds = Field(0.0, description="Time for which it must have been there without a pause; 0: no wait.")

    @model_validator(mode="after")
    def _possible(self) -> PolicySettings:
        self.policy()
        return self

    def policy(self) -> ConfirmationPolicy:
        """The policy that these settings make."""
        return ConfirmationPolicy(**self.model_dump())


class PolicyChanges(Section):
    """A policy told by what differs from another. What is null does not differ."""

    hits: Hits | None = None
    of: Hits | None = None
    median_score: Fraction | None = None
    window_s: Window | None = None
    span_s: Seconds | None = None
    smallest_share: Fraction | None = None
    zones: Zones | None = None
    dwell_s: Seconds | None = None

    def over(self, policy: ConfirmationPolicy) -> ConfirmationPolicy:
        """That other policy with these changes; raises ValueError when the two do not go together."""
        return replace(policy, **self.model_dump(exclude_none=True))


def credentials_apart(values: Any) -> Any:
    """Settings with a URL, its user and password taken out of it; what is given apart stands over those."""
    if not isinstance(values, dict) or not isinstance(values.get("url"), str):
        return values
    url, username, password = split_credentials(values["url"].strip())
    if username is None:
        return {**values, "url": url}
    given = {key: values[key] for key in ("username", "password") if values.get(key) is not None}
    return {**values, "url": url, "username": username, "password": password, **given}


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


class DetectorSettings(Section):
    """The model and how it is run."""

    backend: str = Field(
        "openvino", description="openvino or onnxruntime; or ultralytics for .pt files, where that is installed."
    )
    model: Path = Field(
        BUNDLED_MODEL,
        description="An ONNX file as Ultralytics exports it, with dynamic sides. One chosen by the API stands over it.",
    )
    precision: Literal["int8", "fp32"] = Field(
        "int8", description="int8 runs MODEL-int8.xml where it lies beside the model, twice as fast; fp32 never does."
    )
    device: str = Field(
        "",
        pattern=r"^([a-z]+(:[0-9]{1,2})?)?$",
        description="What runs it: cpu, gpu (openvino), cuda, cuda:1, tensorrt, coreml (onnxruntime); else the usual. "
        "One that is not there is replaced by the CPU, and Vigie says so.",
    )
    workers: int = Field(default_factory=cores, ge=1, le=64, description="Looks at a time; as many as cores.")
    confidence: float = Field(0.25, ge=0.05, le=0.95, description="A score that begins a track.")
    weak_confidence: float = Field(0.1, ge=0.01, le=0.95, description="A score that carries a track on.")
    nms_iou: float = Field(0.6, gt=0, lt=1, description="Overlap above which the weaker of two boxes goes.")
    look_rate: float = Field(10, gt=0, le=60, description="Looks a second at a feed where nothing is suspected.")
    suspicious_rate: float = Field(30, gt=0, le=60, description="Looks a second at a feed with an open event.")

    @model_validator(mode="after")
    def _possible(self) -> DetectorSettings:
        if self.weak_confidence > self.confidence:
            raise ValueError("weak_confidence must not be above confidence")
        return self


class ModelSettings(Section):
    """Models that come by the API."""

    upload_bytes: int = Field(60_000_000, ge=1000, description="Size of a model's file.")
    most: int = Field(10, ge=0, le=100, description="Models kept in the data folder.")


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


class LimitSettings(Section):
    """What a caller may ask for. Past a limit comes a clear error, never a slow server."""

    upload_bytes: int = Field(20_000_000, ge=1000, description="Size of a picture sent to be looked at.")
    picture_pixels: int = Field(50_000_000, ge=1000, description="Checked before a picture is decoded.")
    stream_frame_bytes: int = Field(2_000_000, ge=1000, description="Size of one JPEG over the WebSocket.")
    stream_frame_pixels: int = Field(4_000_000, ge=1000, description="Checked before the JPEG is decoded.")
    sessions: int = Field(64, ge=1, description="WebRTC, WebSocket and MJPEG sessions together.")
    listeners: int = Field(1000, ge=1, description="Readers of the event stream, and as many of evidence files.")
    idle_s: float = Field(10, gt=0, description="A session that sends nothing for so long is closed.")


class EventSettings(Section):
    """How long what happened is kept. Evidence has rules of its own."""

    keep_days: float = Field(730, gt=0, description="Events, once their evidence is gone.")
    keep_changes_days: float = Field(30, gt=0, description="The log of changes that readers can go on from.")
    keep_recordings_days: float = Field(14, gt=0, description="What the model saw, for trying other policies on it.")
    recordings_bytes: int = Field(1_000_000_000, ge=0, description="Size of all that; of more, the oldest goes.")


class EvidenceSettings(Section):
    """What is kept of each confirmed event besides its words: pictures, a clip, detections. Where, and how long."""

    enabled: bool = Field(True, description="Whether any is kept.")
    clips: bool = Field(True, description="Whether clips are: without, no video is held in memory, and none is coded.")
    before_s: float = Field(5, ge=0, le=15, description="What a clip shows from before the event began.")
    after_s: float = Field(5, ge=0, le=30, description="What it shows from after the end.")
    longest_s: float = Field(60, ge=1, le=600, description="Length of a clip at the most.")
    url: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9/_.=-]*)?$",
        description="s3://BUCKET/PREFIX to keep it there, with the credentials of the environment or the container; "
        "else the folder evidence in the data folder.",
    )
    region: str | None = Field(None, description="Region of the bucket, where the environment does not tell.")
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^/?#\s]+$", description="Address of an S3 that is not Amazon's."
    )
    spool_bytes: int = Field(
        2_000_000_000, ge=0, description="What may wait in the data folder while the bucket is away."
    )
    keep_days: float = Field(30, gt=0, description="How long it is kept, unless it is held.")
    keep_real_days: float = Field(365, gt=0, description="That of events judged real.")
    keep_false_days: float = Field(30, gt=0, description="That of events judged false.")
    most_bytes: int = Field(20_000_000_000, ge=0, description="Of more, the oldest goes that is not held.")
    least_free_bytes: int = Field(
        500_000_000, ge=0, description="Room left on the disk; before it gets less the oldest goes, then none is kept."
    )
    link_days: float = Field(7, gt=0, le=365, description="How long the links in alerts open it.")


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


class Settings(BaseSettings):
    """The settings of one server."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", env_nested_delimiter="__", extra="forbid", frozen=True)
    yaml_path: ClassVar[Path | None] = None

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Anything but loopback opens Vigie to the network."
    )
    port: int = Field(5000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    data_dir: Path = Field(Path("data"), description="Where Vigie keeps what it writes: cameras of the API, a cache.")
    database: SecretStr | None = Field(
        None,
        description="Where events are kept: postgresql://USER:PASSWORD@HOST/NAME, or sqlite:///PATH; else the file "
        "vigie.db in the data folder.",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$",
        description="How others reach this server, for links in alerts; else the address it listens on.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of front ends on other hosts, as https://example.org; * for any."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING, ERROR.")
    detector: DetectorSettings = DetectorSettings()
    models: ModelSettings = ModelSettings()
    policy: PolicySettings = PolicySettings()
    limits: LimitSettings = LimitSettings()
    webhooks: WebhookSettings = WebhookSettings()
    fleet: FleetSettings = FleetSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    events: EventSettings = EventSettings()
    mqtt: MqttSettings = MqttSettings()
    access: AccessSettings = AccessSettings()
    tls: Annotated[TlsSettings, NoDecode] = TlsSettings()
    whip_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Whoever has it may push video under any free name to /whip/NAME. Where it is not given, one is "
        "made on the first start and kept in the file whip-token in the data folder.",
    )
    cameras: tuple[CameraSettings, ...] = Field((), description="Cameras to open on start; each as below.")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """In the environment the origins are separated by commas."""
        return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value

    @field_validator("cameras")
    @classmethod
    def _distinct(cls, cameras: tuple[CameraSettings, ...]) -> tuple[CameraSettings, ...]:
        names = [camera.name for camera in cameras]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two cameras are named {', '.join(sorted(twice))}")
        return cameras

    @model_validator(mode="after")
    def _policies_go_together(self) -> Settings:
        for camera in self.cameras:
            try:
                camera.policy_over(self.policy.policy())
            except ValueError as error:
                raise ValueError(f"the policy of camera {camera.name} cannot be: {error}") from error
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line before environment before file."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if cls.yaml_path:
            sources += (YamlConfigSettingsSource(settings_cls, cls.yaml_path, "utf-8"),)
        return sources


def load_settings(path: Path | None, **given: Any) -> Settings:
    """Read the settings; ``given`` are those of the command line. Raises :class:`ConfigError` naming every mistake."""
    if path and not path.is_file():
        raise ConfigError(f"There is no settings file {path}.")
    bound = type("Settings", (Settings,), {"yaml_path": path, "__module__": __name__, "__annotations__": {}})
    try:
        settings = bound(**given)
    except ValidationError as error:
        mistakes = [f"  {'.'.join(str(part) for part in e['loc']) or 'settings'}: {e['msg']}" for e in error.errors()]
        raise ConfigError("The settings are wrong:\n" + "\n".join(mistakes)) from error
    except Exception as error:  # a YAML file that is not YAML, or an environment value that is not JSON
        raise ConfigError(f"The settings cannot be read: {error}") from error
    assert isinstance(settings, Settings)
    return settings

"""All settings in one typed object."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from .access import AccessSettings, TlsSettings
from .alerts import MqttSettings, WebhookSettings
from .cameras import CameraSettings, FleetSettings
from .detector import DetectorSettings, ModelSettings
from .ice import IceSettings
from .keeping import EventSettings, EvidenceSettings
from .limits import LimitSettings
from .policy import PolicySettings


class Settings(BaseSettings):
    """The settings of one server."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", env_nested_delimiter="__", extra="forbid", frozen=True)
    file_values: ClassVar[dict[str, Any] | None] = None
    """What the settings file says, while one is read."""

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
    log_format: Literal["text", "json"] = Field(
        "text", description="text for people; json for programs: one object a line, with request, camera and event ids."
    )
    grace_s: float = Field(
        10, gt=0, le=300, description="Time for what is under way when the server is told to stop: requests, alerts."
    )
    ice: IceSettings = IceSettings()
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
        if cls.file_values:
            sources += (InitSettingsSource(settings_cls, cls.file_values),)
        return sources

"""All settings in one typed object: ``vigie.yaml``, over it ``VIGIE_*`` variables, over them the command line."""

from .access import AccessSettings, TlsSettings
from .alerts import MqttSettings, WebhookSettings
from .base import BUNDLED_MODEL, ConfigError, Fraction, Polygon, Section, cores, credentials_apart
from .cameras import CameraSettings, FleetSettings
from .detector import DetectorSettings, ModelSettings
from .ice import IceSettings
from .keeping import EventSettings, EvidenceSettings
from .limits import LimitSettings
from .policy import PolicyChanges, PolicySettings
from .reading import Loaded, load_settings, read_settings, settings_file
from .settings import Settings

__all__ = [
    "BUNDLED_MODEL",
    "AccessSettings",
    "CameraSettings",
    "ConfigError",
    "DetectorSettings",
    "EventSettings",
    "EvidenceSettings",
    "FleetSettings",
    "Fraction",
    "IceSettings",
    "LimitSettings",
    "Loaded",
    "ModelSettings",
    "MqttSettings",
    "PolicyChanges",
    "PolicySettings",
    "Polygon",
    "Section",
    "Settings",
    "TlsSettings",
    "WebhookSettings",
    "cores",
    "credentials_apart",
    "load_settings",
    "read_settings",
    "settings_file",
]

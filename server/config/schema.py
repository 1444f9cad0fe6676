"""The settings as a JSON Schema, by which editors complete and check ``vigie.yaml``."""

from __future__ import annotations

from typing import Any

from .base import BUNDLED_MODEL
from .settings import Settings


def settings_schema() -> dict[str, Any]:
    """JSON Schema 2020-12. Defaults that are this machine's own are left out."""
    schema = Settings.model_json_schema()
    model = schema["$defs"]["DetectorSettings"]["properties"]["model"]
    if model.get("default") == str(BUNDLED_MODEL):
        del model["default"]  # a path of this machine
    detector = schema["properties"]["detector"]
    detector.pop("default", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "vigie.yaml"}

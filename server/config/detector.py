"""The model and how it is run; models that come by the API."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from .base import BUNDLED_MODEL, Section, cores


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
    confidence: float = Field(0.35, ge=0.05, le=0.95, description="A score that begins a track.")
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

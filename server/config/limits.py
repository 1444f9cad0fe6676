"""What a caller may ask for."""

from __future__ import annotations

from pydantic import Field

from .base import Section


class LimitSettings(Section):
    """What a caller may ask for. Past a limit comes a clear error, never a slow server."""

    upload_bytes: int = Field(20_000_000, ge=1000, description="Size of a picture sent to be looked at.")
    picture_pixels: int = Field(50_000_000, ge=1000, description="Checked before a picture is decoded.")
    stream_frame_bytes: int = Field(2_000_000, ge=1000, description="Size of one JPEG over the WebSocket.")
    stream_frame_pixels: int = Field(4_000_000, ge=1000, description="Checked before the JPEG is decoded.")
    sessions: int = Field(64, ge=1, description="WebRTC, WebSocket and MJPEG sessions together.")
    listeners: int = Field(1000, ge=1, description="Readers of the event stream, and as many of evidence files.")
    idle_s: float = Field(10, gt=0, description="A session that sends nothing for so long is closed.")

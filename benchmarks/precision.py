"""The number format a backend computes in. OpenVINO may choose bfloat16 by itself where the processor has it; a
comparison with float32 then needs a second figure in float32."""

from __future__ import annotations

from server.inference.openvino import OpenVinoBackend

KEY = "INFERENCE_PRECISION_HINT"


def precision_of(backend: OpenVinoBackend, shape: tuple[int, int] = (384, 640)) -> str:
    """``f32``, ``bf16`` or ``f16``."""
    requests = backend._requests(shape)
    request = requests.get()
    try:
        return str(request.get_compiled_model().get_property(KEY).get_type_name())
    finally:
        requests.put(request)


def hold_to_float32(backend: OpenVinoBackend) -> None:
    """Let every network that the backend compiles from now on compute in float32."""
    backend._core.set_property("CPU", {KEY: "f32"})

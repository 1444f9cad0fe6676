# Vigie's image: docker build -t vigie .   What it is run with: docs/deployment.md. Tried without Docker: deploy/verify-image.sh.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
WORKDIR /opt/vigie
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
# Wheels only: nothing is compiled. pip itself stays behind, so that nobody installs anything in a running container.
RUN python3 -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --only-binary :all: -r requirements.txt \
    && .venv/bin/python -m pip uninstall --yes pip setuptools
# What this image cannot use: plugins of GPUs and NPUs, whose drivers it has not (a device that is not there is replaced by the
# CPU), readers of models that are neither ONNX nor OpenVINO's, tools that make models, the C library
# of ONNX Runtime, OpenCV's cascades, tests and headers. Then symbols, but those of the .libs folders: their layout forbids it.
# hadolint ignore=DL3003
RUN cd .venv/lib/python3*/site-packages \
    && rm -rf openvino/libs/libopenvino_intel_gpu_plugin.so openvino/libs/cache.json openvino/libs/libopenvino_intel_npu_* \
        openvino/libs/libopenvino_tensorflow* openvino/libs/libopenvino_pytorch* openvino/libs/libopenvino_paddle* \
        openvino/libs/libopenvino_jax* openvino/libs/libopenvino_gguf* openvino/include openvino/cmake \
        onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
        onnxruntime/capi/libonnxruntime.so.* cv2/data/*.xml \
    && find . -depth -type d -name tests -exec rm -rf {} + \
    && find . -type f \( -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \) -delete \
    && find . -type f -name '*.so*' -not -path '*.libs/*' -exec strip --strip-unneeded {} +

FROM ${BASE}
# A user with a name: libraries ask for it. The folder is made here, so that a fresh volume belongs to that user.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin vigie \
    && install -d -o vigie -g vigie -m 0700 /data
WORKDIR /opt/vigie
COPY --from=packages /opt/vigie/.venv .venv
COPY models models
COPY static static
COPY server server
COPY LICENSE deploy/healthcheck.py deploy/aws/fargate.py ./
# The sources are compiled once, since the root file system is read-only when it runs.
RUN .venv/bin/python -m compileall -q server
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VIGIE_HOST=0.0.0.0 VIGIE_PORT=5000 VIGIE_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 5000/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/vigie/.venv/bin/python", "/opt/vigie/healthcheck.py"]
# Process 1 is the server itself: it handles SIGTERM and SIGINT, and reaps what it starts.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/vigie/.venv/bin/python", "-m", "server"]

# RefundLens, serving only. Two targets:
#   docker build --target cpu  -t refundlens .
#   docker build --target cuda -t refundlens:cuda .     and run with --gpus all
# The data folder (database, photos, models, results, secret) is the volume /data; nothing else is written to but /tmp, so
# that it runs read-only and without any right (deploy/compose.yaml):
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v lens:/data -p 127.0.0.1:8000:8000 refundlens
# Packages are those of deploy/requirements.lock, by their hashes.

FROM python:3.12-slim-bookworm AS build-cpu
WORKDIR /source
COPY . .
RUN python -m venv /opt/refundlens \
    && /opt/refundlens/bin/python -m pip --disable-pip-version-check install --no-cache-dir \
        --require-hashes --requirement /source/deploy/requirements.lock \
    && /opt/refundlens/bin/python -m pip --disable-pip-version-check install --no-cache-dir --no-deps /source \
    && /opt/refundlens/bin/refundlens --help

FROM build-cpu AS build-cuda
# NVIDIA's CUDA and cuDNN libraries come as wheels; the host brings the driver.
RUN /opt/refundlens/bin/python -m pip --disable-pip-version-check install --no-cache-dir \
        "onnxruntime-gpu[cuda,cudnn]" \
    && /opt/refundlens/bin/refundlens --help

FROM python:3.12-slim-bookworm AS base
# The distribution keeps the font current.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home refundlens \
    && install --directory --mode=0700 --owner=refundlens --group=refundlens /data
ENV PATH="/opt/refundlens/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REFUNDLENS_DEMO=false \
    REFUNDLENS_DATA_DIR=/data
WORKDIR /data
VOLUME /data
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["refundlens"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-cuda /opt/refundlens /opt/refundlens

FROM base AS cpu
COPY --from=build-cpu /opt/refundlens /opt/refundlens

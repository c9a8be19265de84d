# sigbench in a container, with its charts:
#   docker build -t sigbench .
#   docker run --rm --user "$(id -u)" -v "$PWD:/work" sigbench run --task gmm --sampler sigdeg,ddim --steps 5,10
# For a GPU, on a base that has CUDA's libraries:
#   docker build -t sigbench:cuda --build-arg BASE=nvidia/cuda:12.8.1-base-ubuntu24.04 .
#   docker run --rm --user "$(id -u)" --gpus all -v "$PWD:/work" sigbench:cuda run --task mnist --sampler dpmpp-2m --device cuda
# Where pip's usual index holds torch for CUDA alone, --build-arg TORCH_INDEX=URL names one of builds for the processor, which
# are a tenth as large; PyTorch's installation page has it.
ARG BASE=python:3.12-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS base

SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/sigbench/bin:$PATH
# Where floors are kept, by whatever user the container runs as.
ENV XDG_CACHE_HOME=/tmp/cache

# A base of Debian or Ubuntu without Python gets the distribution's; libgomp1 is what torch's threads need.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && if ! command -v python3; then apt-get install -y --no-install-recommends python3 python3-venv; fi \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/sigbench

# torch and torchvision in one step, so that both are builds of one kind.
ARG TORCH_INDEX=""
WORKDIR /src
COPY constraints.txt ./
# hadolint ignore=DL3013
RUN pip install -c constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision

COPY . .
RUN pip install -c constraints.txt '.[plots]' && sigbench doctor && rm -rf /src/*

RUN useradd --create-home --uid 10001 sigbench
USER 10001
WORKDIR /work
ENTRYPOINT ["sigbench"]
CMD ["--help"]

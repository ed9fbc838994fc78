#!/bin/sh
# Resolve pyproject.toml into requirements.lock, for every platform and Python from 3.11 on.
# torch stands in requirements-torch.lock, and brings its own CUDA packages, pinned by itself:
# which build is right is the machine's choice.
set -eu
command -v uv >/dev/null || { echo "error: uv is needed to resolve the lock. hint: pip install uv" >&2; exit 2; }

skip=""
for name in torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
    nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand \
    nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink \
    nvidia-nvshmem-cu13 nvidia-nvtx; do
    skip="$skip --no-emit-package $name"
done

# shellcheck disable=SC2086  # $skip is a list of flags
uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
    --no-strip-extras $skip --constraint requirements-torch.lock "$@" \
    --custom-compile-command 'make lock' --no-annotate --output-file requirements.lock pyproject.toml

#!/bin/sh
# Resolve neuralforecast.in and darts.in into their lock files, for every platform and Python from 3.11 on.
# As in scripts/lock.sh, torch and the CUDA packages that it brings are left out: which build is right is
# the machine's choice. All environments take the one that requirements-torch.lock pins.
set -eu
cd "$(dirname "$0")"
command -v uv >/dev/null || { echo "error: uv is needed to resolve the locks. hint: pip install uv" >&2; exit 2; }

. ../../scripts/without_torch.sh

for peer in neuralforecast darts; do
    # shellcheck disable=SC2086  # $skip is a list of flags
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras $skip \
        --constraint ../../requirements-torch.lock "$@" --custom-compile-command benchmarks/peers/lock.sh \
        --no-annotate --output-file "requirements-$peer.lock" "$peer.in"
done

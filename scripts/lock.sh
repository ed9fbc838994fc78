#!/bin/sh
# Resolve pyproject.toml into requirements.lock, for every platform and Python from 3.11 on.
# torch stands in requirements-torch.lock, and brings its own CUDA packages, pinned by itself:
# which build is right is the machine's choice.
set -eu
command -v uv >/dev/null || { echo "error: uv is needed to resolve the lock. hint: pip install uv" >&2; exit 2; }

. scripts/without_torch.sh

# shellcheck disable=SC2086  # $skip is a list of flags
uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
    --no-strip-extras $skip --constraint requirements-torch.lock "$@" \
    --custom-compile-command 'make lock' --no-annotate --output-file requirements.lock pyproject.toml

# pip checks `name` and `name[extra]` apart, and takes the newest of what is not pinned: both are named.
pinned=$(mktemp)
awk '
    /^[A-Za-z0-9]/ { printf "%s", twin; twin = ""; extra = /^[^ =]*\[[^]]*\]==/ }
    { print; line = $0 }
    extra { sub(/\[[^]]*\]==/, "==", line); twin = twin line "\n" }
    END { printf "%s", twin }
' requirements.lock > "$pinned"
cat "$pinned" > requirements.lock
rm "$pinned"

#!/bin/sh
# Install the locked dependencies into .venv. Called by `make install`; safe to run again.
set -eu

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: Python 3.11 or later is needed, $("$PYTHON" --version 2>&1) found." >&2
    echo "hint: make install PYTHON=python3.12" >&2
    exit 2
}

echo "[1/4] $VENV with $("$PYTHON" --version 2>&1)"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"

echo "[2/4] requirements.lock: every file is checked against its hash"
"$VENV/bin/python" -m pip install --quiet --require-hashes --requirement requirements.lock

# Which build of torch is right (CPU, or one of several CUDA versions) depends on the machine, so
# its version is pinned and its file is not.
echo "[3/4] requirements-torch.lock"
"$VENV/bin/python" -m pip install --quiet --requirement requirements-torch.lock

# The top-level names (models, tasks, tests) are generic: the repository must come before
# site-packages, which neither an editable install nor a plain path line gives.
echo "[4/4] the tickerflow command"
"$VENV/bin/python" - <<'PYTHON_END'
import stat
import sys
import sysconfig
from pathlib import Path

root = str(Path.cwd())
pth = Path(sysconfig.get_path("purelib")) / "tickerflow.pth"
pth.write_text(f"import sys; sys.path.insert(0, {root!r})\n", encoding="utf-8")

script = Path(sys.executable).parent / "tickerflow"
script.write_text(
    f"#!/bin/sh\nexec '{sys.executable}' -m apps.cli \"$@\"\n".replace("\r", ""), encoding="utf-8"
)
script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
PYTHON_END

date -u +%Y-%m-%dT%H:%M:%SZ > "$VENV/.installed"
echo "Installed. Next: make demo, or $VENV/bin/tickerflow --help"

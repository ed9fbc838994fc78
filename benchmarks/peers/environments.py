"""The peers' environments: made when first needed, from lock files whose every hash is checked."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_HERE = Path(__file__).parent
_TORCH = _HERE.parents[1] / "requirements-torch.lock"
PROJECT = "project"  # the environment in which this runs


def python_of(environment: str, cache: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of an environment; makes it where it is missing or its lock file has changed.

    torch comes first, and without a hash: which build is right is the machine's choice.

    Raises:
        subprocess.CalledProcessError: pip could not install; what it said is on the terminal.
    """
    if environment == PROJECT:
        return Path(sys.executable)
    lock = _HERE / f"requirements-{environment}.lock"
    identity = hashlib.sha256(lock.read_bytes() + _TORCH.read_bytes()).hexdigest()
    folder = (cache / environment).resolve()
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == identity:
        return python
    say(f"installing {lock.name} into {folder}: once, a few minutes and up to some GB")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", _TORCH], check=True)
    # Without dependencies: the lock names all of them but torch, which has no hash here.
    subprocess.run([*pip, "--require-hashes", "--no-deps", "--requirement", lock], check=True)
    stamp.write_text(identity, encoding="utf-8")
    return python

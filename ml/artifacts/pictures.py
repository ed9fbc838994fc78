"""Pictures that go with the versions of a series: ``plots/{stem}/{version}.{name}.png``.

They are drawn from evaluation.json and can be drawn again: they replace others whole, but nobody waits
for the disk, and only those of the last versions are kept.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from ml.artifacts.files import write_new, writing
from ml.artifacts.meta import Meta

_KEEP = 20


def save_pictures(models_dir: Path, meta: Meta, pictures: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write PNG files of one version, promoted or not, and return their paths.

    Raises `ArtifactWriteError` (disk full, no permission); the version itself is not touched.
    """
    folder = models_dir / "plots" / meta.key.stem
    paths = {folder / f"{meta.version}.{name}.png": content for name, content in pictures.items()}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in paths.items():
            part = folder / f".{secrets.token_hex(8)}.part"
            try:
                write_new(part, content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        drawn = sorted(folder.glob("*.png"))
        kept = sorted({path.name.split(".")[0] for path in drawn})[-_KEEP:]
        for path in drawn:
            if path.name.split(".")[0] not in kept:
                path.unlink(missing_ok=True)
    return tuple(paths)

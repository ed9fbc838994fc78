"""Pictures that go with the versions of a series: ``plots/{stem}/{version}.{name}.png``.

They are drawn from evaluation.json and can be drawn again; those of the last versions are kept.
"""

from collections.abc import Mapping
from pathlib import Path

from ml.artifacts.files import writing
from ml.artifacts.meta import Meta
from ml.data import atomic

_KEEP = 20


def save_pictures(models_dir: Path, meta: Meta, pictures: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write PNG files of one version, promoted or not, and return their paths.

    Raises `ArtifactWriteError` (disk full, no permission); the version itself is not touched.
    """
    folder = models_dir / "plots" / meta.key.stem
    paths = {folder / f"{meta.version}.{name}.png": content for name, content in pictures.items()}
    with writing(folder):
        for path, content in paths.items():
            atomic.write_bytes(path, content)
        versions = sorted({path.name.split(".")[0] for path in folder.glob("*.png")})
        for version in versions[:-_KEEP]:
            for path in folder.glob(f"{version}.*.png"):
                path.unlink(missing_ok=True)
    return tuple(paths)

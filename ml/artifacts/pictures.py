"""Pictures that go with the versions of a series.

Those of a version that was promoted lie in its folder, ``versions/{stem}/{version}/plots/{name}.png``;
of one that lost, which has no folder, in ``plots/{stem}/{version}.{name}.png``. They are drawn from
evaluation.json, once the version is there, and can be drawn again: they replace others whole, but nobody
waits for the disk, and only those of the last versions are kept.
"""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from ml.artifacts.files import write_new, writing
from ml.artifacts.meta import Meta

_KEEP = 20
_PLOTS = "plots"


def version_folder(models_dir: Path, meta: Meta) -> Path:
    """The folder of a version that was promoted."""
    return models_dir / "versions" / meta.key.stem / meta.version


def save_pictures(models_dir: Path, meta: Meta, pictures: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write PNG files of one version, promoted or not, and return their paths.

    Raises `ArtifactWriteError` (disk full, no permission); the version itself is not touched.
    """
    version = version_folder(models_dir, meta)
    if version.is_dir():
        folder, prefix = version / _PLOTS, ""
    else:
        folder, prefix = models_dir / _PLOTS / meta.key.stem, f"{meta.version}."
    paths = {folder / f"{prefix}{name}.png": content for name, content in pictures.items()}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in paths.items():
            part = folder / f".{secrets.token_hex(8)}.part"
            try:
                write_new(part, content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        if prefix:
            _keep_last(folder)
        else:
            _keep_last_folders(version.parent)
    return tuple(paths)


def _keep_last(folder: Path) -> None:
    drawn = sorted(folder.glob("*.png"))
    kept = sorted({path.name.split(".")[0] for path in drawn})[-_KEEP:]
    for path in drawn:
        if path.name.split(".")[0] not in kept:
            path.unlink(missing_ok=True)


def _keep_last_folders(versions: Path) -> None:
    for plots in sorted(versions.glob(f"*/{_PLOTS}"))[:-_KEEP]:
        shutil.rmtree(plots, ignore_errors=True)

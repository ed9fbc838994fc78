"""Where things lie in saved_models/.

Names are concatenated, never built with ``with_suffix``: ``lstm_BRK.B_1d`` has no suffix to replace.

    {model}_{stem}.pth .scaler.pkl .meta.json   what serves
    versions/{stem}/{version}/                   the same three and evaluation.json, immutable
    rejected/{stem}/{version}.json               records of what lost
    events/{stem}/{generation}.json              who made which version the champion, when and why
    .staging/{stem}/                             challengers, and files on their way
    .locks/{stem}.lock                           one promoter a series
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ml.errors import SeriesNameError
from ml.series import SeriesKey

PTH = ".pth"
SCALER = ".scaler.pkl"
META = ".meta.json"
EVALUATION = "evaluation.json"

_STALE_SECONDS = 86_400
_MODEL = re.compile(r"[a-z][a-z0-9_]{0,31}")
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


@dataclass(frozen=True)
class Trio:
    """The three files of one version, in one folder."""

    folder: Path
    base: str  # {model}_{stem}

    @property
    def pth(self) -> Path:
        """The weights."""
        return self.folder / (self.base + PTH)

    @property
    def scaler(self) -> Path:
        """The scaler."""
        return self.folder / (self.base + SCALER)

    @property
    def meta(self) -> Path:
        """All else; written last."""
        return self.folder / (self.base + META)


@dataclass(frozen=True)
class Layout:
    """The folder of models, and the names in it.

    Attributes:
        root: saved_models.
        models: names of the architectures that are known here.
    """

    root: Path
    models: tuple[str, ...]

    def top(self, model: str, key: SeriesKey) -> Trio:
        """The files that serve."""
        return Trio(self.root, f"{model}_{key.stem}")

    def versions(self, key: SeriesKey) -> Path:
        """Folder of the series' versions."""
        return self.root / "versions" / key.stem

    def version(self, model: str, key: SeriesKey, version: str) -> Trio:
        """The files of a version that was promoted."""
        return Trio(self.versions(key) / version, f"{model}_{key.stem}")

    def rejected(self, key: SeriesKey) -> Path:
        """Folder of the records of what lost."""
        return self.root / "rejected" / key.stem

    def events(self, key: SeriesKey) -> Path:
        """Folder of the events of the series' generations."""
        return self.root / "events" / key.stem

    def staging(self, key: SeriesKey) -> Path:
        """Folder of the series' challengers."""
        return self.root / ".staging" / key.stem

    @property
    def locks(self) -> Path:
        """Folder of the locks."""
        return self.root / ".locks"

    def top_metas(self, key: SeriesKey) -> list[Trio]:
        """The files that serve, or served, this series: several where architectures changed.

        Known architectures are looked for by name, for a listing takes the longer the more series there
        are. Only where a series was promoted, and none of them serves it, all names are looked at: it
        may be one that a newer Tickerflow knows.

        ``lstm_x_y_1d`` may be ticker ``x_y`` or, of an architecture ``lstm_x``, ticker ``y``: names are
        split at a known architecture, and where there is none by what fits.
        """
        ending = f"_{key.stem}{META}"
        known = [model for model in self.models if _is_there(self.root, model + ending)]
        if known or not _is_there(self.versions(key)):
            return [self.top(model, key) for model in known]
        names = [name for name in _names(self.root) if name.endswith(ending)]
        splits = (split for name in names for split in self._splits(name))
        return [self.top(model, key) for model, stem in splits if stem == key.stem]

    def version_names(self, key: SeriesKey) -> list[str]:
        """Versions with a folder, newest first by their time."""
        names = _names(self.versions(key))
        return sorted((name for name in names if _VERSION.fullmatch(name)), reverse=True)

    def rejected_names(self, key: SeriesKey) -> list[str]:
        """Versions with a record of rejection, newest first by their time."""
        names = (name.removesuffix(".json") for name in _names(self.rejected(key)))
        return sorted((name for name in names if _VERSION.fullmatch(name)), reverse=True)

    def series(self) -> Iterator[SeriesKey]:
        """Series of which some version was promoted, and a meta.json lies where it serves."""
        serving = {stem for name in _names(self.root) for _, stem in self._splits(name)}
        for stem in sorted(serving.intersection(_names(self.root / "versions"))):
            with suppress(SeriesNameError):  # a folder that is not the store's
                yield SeriesKey.from_stem(stem)

    def sweep(self, key: SeriesKey) -> None:
        """Remove what dead processes left of a series in staging more than a day ago.

        Of one series only: looking at all, for each of thousands, would take longer and longer.
        """
        oldest = time.time() - _STALE_SECONDS
        staging = self.staging(key)
        for name in _names(staging):
            with suppress(FileNotFoundError):  # its owner, or another sweep, was faster
                if (staging / name).lstat().st_mtime < oldest:
                    shutil.rmtree(staging / name)

    def _splits(self, name: str) -> Iterator[tuple[str, str]]:
        """The ways to read a meta.json's name as (model, stem); one where the architecture is known."""
        if not name.endswith(META):
            return
        base = name[: -len(META)]
        known = [model for model in self.models if base.startswith(model + "_")]
        for underscore in re.finditer("_", base):
            model = base[: underscore.start()]
            if _MODEL.fullmatch(model) and (not known or model in known):
                yield model, base[underscore.end() :]


def spelled_otherwise(path: Path) -> str:
    """Another name by which its folder lists ``path``: ``aapl_1d`` for ``AAPL_1d`` on macOS.

    Empty where the path is listed as it is, or does not exist.
    """
    try:
        # Where these are two, names are what they are, and the folder need not be listed.
        if not path.samefile(path.with_name(path.name.swapcase())):
            return ""
    except (FileNotFoundError, NotADirectoryError):
        return ""
    names = _names(path.parent)
    if path.name in names:
        return ""
    return next((name for name in names if name.casefold() == path.name.casefold()), path.name)


def _is_there(folder: Path, name: str = "") -> bool:
    return os.path.lexists(os.path.join(folder, name))  # noqa: PTH118  # a Path takes ten times as long


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # there are thousands, and a Path for each takes long
    except (FileNotFoundError, NotADirectoryError):
        return []

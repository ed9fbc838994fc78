"""What lies in the folders of a pipeline, and when each of it changed: listings and stats alone."""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.discovery import Discovery, discover
from ml.errors import NoDataError, UnreadableArtifactError
from ml.ledger.database import NAME as LEDGER
from ml.outcomes import Failure
from ml.series import SeriesKey

# Name, size and times of each file: another one where a file has changed, come or gone.
Stamp = tuple[tuple[str, int, int, int], ...]
Problems = tuple[tuple[str, Failure], ...]

_SETTLED_NS: Final = 2_000_000_000  # as in `ml.inference.sources`: clocks of file systems are coarse
_META: Final = ".meta.json"
_SIDECAR: Final = ".ingest.json"
_OVERRIDES: Final = "overrides.toml"


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """What there is.

    Attributes:
        series: each series that has raw files or a model, with the stamp of all its files.
        promoted: those that have a model.
        problems: what could not become a series: the file's name, empty for the folder, and why.
        ledger: the stamp of the ledger.
    """

    series: Mapping[SeriesKey, Stamp]
    promoted: frozenset[SeriesKey]
    problems: Problems
    ledger: Stamp


class Folders:
    """The folders of some settings; names that were there at the last look are not read again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = ModelStore(settings.models_dir)
        self._kept: tuple[tuple[str, ...], Discovery, Problems] | None = None

    def look(self) -> Found:
        """Everything as it is now."""
        settings = self._settings
        raw = _stats(settings.raw_dir, ".csv")
        sidecars = _stats(settings.store_dir, _SIDECAR)
        metas = _by_stem(_stats(settings.models_dir, _META))
        rules = _stat(settings.ingest.overrides or settings.raw_dir / _OVERRIDES)
        discovery, problems = self._discover(tuple(sorted(raw)))
        files = {each.key: each.files for each in discovery.series}
        promoted, unreadable = self._promoted()
        series = {}
        for key in {*files, *promoted}:
            own = [raw[path.name] for path in files.get(key, ()) if path.name in raw]
            stored = sidecars.get(key.stem + _SIDECAR)
            series[key] = (*own, *([stored] if stored else ()), *metas.get(key.stem, ()), *rules)
        ledger = _stat(settings.predictions_dir / LEDGER)
        return Found(series, promoted, (*problems, *unreadable), ledger)

    def _promoted(self) -> tuple[frozenset[SeriesKey], Problems]:
        try:
            return frozenset(self._store.series()), ()
        except OSError as error:
            failure = UnreadableArtifactError(
                f"expected a readable folder of models, found {self._settings.models_dir.absolute()}: "
                f"{error.strerror or error}",
                hint="check its permissions, or choose another folder with --models-dir",
            )
            return frozenset(), (("", Failure.of(failure)),)

    def _discover(self, names: tuple[str, ...]) -> tuple[Discovery, Problems]:
        kept = self._kept
        if kept is not None and kept[0] == names and names:
            return kept[1], kept[2]
        try:
            found = discover(self._settings.raw_dir)
            problems = tuple((problem.path.name, problem.failure) for problem in found.problems)
        except NoDataError as error:
            found, problems = Discovery((), ()), (("", Failure.of(error)),)
        self._kept = names, found, problems
        return found, problems


def is_settled(stamp: Stamp, looked_at: int) -> bool:
    """Whether nothing changed so shortly before that it could change again and keep its stamp.

    ``looked_at`` is in nanoseconds since 1970.
    """
    return all(max(modified, changed) < looked_at - _SETTLED_NS for *_, modified, changed in stamp)


def _stats(folder: Path, ending: str) -> dict[str, tuple[str, int, int, int]]:
    """Stamps of the files of a folder by their names, of those with an ending."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(ending):
                    try:
                        status = entry.stat()
                    except FileNotFoundError:  # removed since it was listed
                        continue
                    times = status.st_mtime_ns, status.st_ctime_ns
                    found[entry.name] = (entry.name, status.st_size, *times)
    except OSError:  # no such folder, or none that can be read: nothing lies there
        return {}
    return found


def _by_stem(metas: Mapping[str, tuple[str, int, int, int]]) -> Mapping[str, Stamp]:
    """Stamps by series; ``lstm_x_y_1d`` may be of x_y or of y, and is told to both."""
    found: dict[str, Stamp] = defaultdict(tuple)
    for name, stamp in metas.items():
        base = name.removesuffix(_META)
        while "_" in base:
            base = base.partition("_")[2]
            found[base] += (stamp,)
    return found


def _stat(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return ()
    return ((path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns),)

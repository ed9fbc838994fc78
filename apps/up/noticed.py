"""What a raw file is due: a training, a forecast or nothing; and what was asked for, so that it is once.

The record lies in the store. It says of each series which content was last asked for, and with which
run: the same bytes are not asked for twice, whoever touched them, and whatever died meanwhile.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data import atomic
from ml.data.discovery import RawSeries
from ml.data.sources import SourceFile, fingerprint_files, same_content
from ml.data.store import read_sidecar
from ml.errors import ArtifactError
from ml.series import SeriesKey

Job = Literal["train", "forecast"]
_FILE: Final = ".noticed.json"
# A run that was interrupted is asked for again, but what always ends a worker must not for ever.
MAX_ATTEMPTS: Final = 3


class Asked(BaseModel):
    """What was asked for, or is due.

    Attributes:
        job: None where nothing was due.
        run: the run that was asked for; of what is due the one before it, empty where there was none.
        ended: Prefect's type of the run's last state, once it is known.
    """

    model_config = ConfigDict(frozen=True)

    sources: tuple[SourceFile, ...]
    job: Job | None = None
    run: str = ""
    attempt: int = 0
    ended: str = ""


class Record(BaseModel):
    """The series by their stem."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    series: Mapping[str, Asked] = {}


def read_record(store_dir: Path) -> dict[str, Asked]:
    """What was asked for before; nothing where there is no record, or none that can be read."""
    try:
        return dict(Record.model_validate_json((store_dir / _FILE).read_bytes()).series)
    except (OSError, ValidationError):
        # Asking again is harmless: a training of the same bars and configuration is not done twice.
        return {}


def write_record(store_dir: Path, series: Mapping[str, Asked]) -> None:
    """Replace the record atomically; raises `OSError`."""
    atomic.write_text(store_dir / _FILE, Record(series=series).model_dump_json())


def look_at(raw: RawSeries, settings: Settings, before: Asked | None) -> Asked:
    """What the files of a series are due now; ``before`` itself where that was asked for already.

    Raises:
        UnreadableFileError: one of the files cannot be read.
    """
    sidecar = read_sidecar(settings.store_dir, raw.key)
    known = before.sources if before is not None else sidecar.sources if sidecar is not None else ()
    sources = fingerprint_files(raw.files, settings.ingest.max_file_bytes, known)
    if before is not None and same_content(before.sources, sources):
        return before
    run = before.run if before is not None else ""
    if not has_champion(settings, raw.key):
        return Asked(sources=sources, job="train", run=run)
    is_known = sidecar is not None and same_content(sidecar.sources, sources)
    return Asked(sources=sources, job=None if is_known else "forecast", run=run)


def has_champion(settings: Settings, key: SeriesKey) -> bool:
    """Whether a model serves the series; a damaged one is not served, and is trained anew."""
    try:
        return ModelStore(settings.models_dir).champion_meta(key) is not None
    except ArtifactError:
        return False

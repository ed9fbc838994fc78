"""The raw rows of a series on their way from reading to judging: in memory, or in an Arrow file."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from ml.data import atomic
from ml.data.reading import Reading
from ml.data.sources import SourceFile
from ml.errors import StoreError
from ml.series import SeriesKey

_ABOUT: Final = b"tickerflow.about"


class About(BaseModel):
    """What is known of the rows as a whole.

    Attributes:
        paths: the raw files, in the order in which their rows stand.
        config: fingerprint of all that decided how they were read.
        readings: how each file was read.
        seconds: what reading took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticker: str
    interval: str
    paths: tuple[Path, ...]
    sources: tuple[SourceFile, ...]
    config: str
    readings: tuple[Reading, ...]
    seconds: float = 0.0

    @property
    def key(self) -> SeriesKey:
        """The series' key."""
        return SeriesKey.of(self.ticker, self.interval)


@dataclass(frozen=True)
class RawRows:
    """All rows of a series' files, nothing dropped, in file order.

    ``frame`` has the columns of `ml.data.bars.BAR_COLUMNS`, then file (position in ``about.paths``) and
    line (1-based).
    """

    about: About
    frame: pd.DataFrame


def save_rows(folder: Path, rows: RawRows) -> Path:
    """Write the rows under a name of their own, and return it; raises `StoreError`.

    The name is one that `ml.data.atomic.sweep` clears away when nobody came to judge the rows.
    """
    path = atomic.temporary(folder, rows.about.key.stem)
    table = pa.Table.from_pandas(rows.frame, preserve_index=False)
    table = table.replace_schema_metadata({_ABOUT: rows.about.model_dump_json().encode()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise StoreError(
            f"expected to write {path}, found: {error.strerror or error}",
            hint="free disk space or choose another folder with --store-dir",
        ) from error
    return path


def load_rows(path: Path) -> RawRows:
    """Read what `save_rows` wrote; raises `StoreError`."""
    try:
        with path.open("rb") as file:
            table = pa.ipc.open_file(file).read_all()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"expected the staged rows of a series at {path}, found: {error}",
            hint="ingest the series again: tickerflow ingest",
        ) from error
    about = About.model_validate_json(table.schema.metadata[_ABOUT])
    return RawRows(about, table.to_pandas())

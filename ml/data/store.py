"""The feature store: one parquet file of normalised bars a series, and what ingest said about it.

Three files stand beside each other: ``{stem}.parquet`` with the bars, ``{stem}.quarantine.csv`` with the
rows that are none (only where there are some), and ``{stem}.ingest.json``, the sidecar, with the outcome
and the fingerprints of the files that it was made from. The sidecar is written last. It and the parquet
file's footer carry the same fingerprint of the bars; where they differ a writer died in between, and the
sidecar does not count.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from ml.data import atomic, regular
from ml.data.bars import BAR_COLUMNS
from ml.data.sources import SourceFile
from ml.errors import NoDataError, StoreError
from ml.outcomes import IngestOutcome
from ml.series import SeriesKey

_FINGERPRINT: Final = b"tickerflow.fingerprint"
_SCHEMA: Final = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("ns", tz="UTC"), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("open", "high", "low", "close")),
        pa.field("volume", pa.float64()),
    ]
)
# Neighbours are alike: steps of time, and the high bytes of prices. Three times as fast as zstd alone.
_ENCODINGS: Final = {
    "timestamp": "DELTA_BINARY_PACKED",
    **dict.fromkeys(BAR_COLUMNS[1:], "BYTE_STREAM_SPLIT"),
}
# What damaged parquet files raise; names that no longer decode are no Arrow error.
_DAMAGE: Final = (OSError, pa.ArrowException, UnicodeDecodeError)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Sidecar(BaseModel):
    """What ``{stem}.ingest.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    config: str  # fingerprint of all that decides how the files are read and judged
    sources: tuple[SourceFile, ...]
    outcome: IngestOutcome


def bars_path(store_dir: Path, key: SeriesKey) -> Path:
    """Where a series' bars are."""
    return store_dir / f"{key.stem}.parquet"


def quarantine_path(store_dir: Path, key: SeriesKey) -> Path:
    """Where a series' quarantined rows are, if there are any."""
    return store_dir / f"{key.stem}.quarantine.csv"


def sidecar_path(store_dir: Path, key: SeriesKey) -> Path:
    """Where ingest's account of a series is."""
    return store_dir / f"{key.stem}.ingest.json"


def bars_fingerprint(bars: pd.DataFrame) -> str:
    """sha256 of the bars' content, column by column: timestamps in ns, prices and volumes as doubles."""
    digest = hashlib.sha256()
    digest.update(pd.DatetimeIndex(bars["timestamp"]).as_unit("ns").asi8.astype("<i8").data)
    for name in BAR_COLUMNS[1:]:
        values = np.ascontiguousarray(bars[name].to_numpy(dtype="<f8"))
        missing = np.isnan(values)
        # One bit pattern for null: NaNs differ in theirs, by where they come from.
        digest.update((np.where(missing, np.nan, values) if missing.any() else values).data)
    return digest.hexdigest()


def write_bars(store_dir: Path, key: SeriesKey, bars: pd.DataFrame) -> str:
    """Replace a series' bars atomically and return their fingerprint; raises `StoreError`.

    They are durable, and count, once `write_sidecar` has been called.
    """
    fingerprint = bars_fingerprint(bars)
    # By hand: pandas' own metadata is not wanted, and the columns are what they are.
    stamps = pa.array(pd.DatetimeIndex(bars["timestamp"]).as_unit("ns").asi8).view(_SCHEMA.types[0])
    numbers = [pa.array(bars[name].to_numpy(), from_pandas=True) for name in BAR_COLUMNS[1:]]
    schema = _SCHEMA.with_metadata({_FINGERPRINT: fingerprint.encode()})
    table = pa.Table.from_arrays([stamps, *numbers], schema=schema)
    path = bars_path(store_dir, key)
    try:
        # The sidecar's writing settles the folder: bars count with the sidecar that names them.
        with atomic.replacing(path, settle=False) as file:
            # Checksums, for a flipped bit in a price would otherwise be a price.
            pq.write_table(
                table,
                file,
                compression="zstd",
                use_dictionary=False,
                column_encoding=_ENCODINGS,
                write_page_checksum=True,
            )
    except OSError as error:
        raise _unwritable(path, error) from error
    return fingerprint


def read_bars(store_dir: Path, key: SeriesKey) -> pd.DataFrame:
    """Return a series' bars: timestamp (ns, UTC), open, high, low, close, volume, with a `RangeIndex`.

    Raises:
        NoDataError: the series has not been ingested.
        StoreError: the file is damaged, or is not one of this store.
    """
    path = bars_path(store_dir, key)
    try:
        with regular.opened(path) as file:
            table = pq.read_table(file, page_checksum_verification=True)
        found = ", ".join(f"{field.name} {field.type}" for field in table.schema)
    except FileNotFoundError as error:
        raise NoDataError(
            f"expected the ingested bars of {key} at {path}, found no file",
            hint="ingest the series first: tickerflow ingest",
            where=str(key),
        ) from error
    except _DAMAGE as error:
        raise StoreError(
            f"expected a readable parquet file, found {path}: {error}",
            hint="remove the file and ingest the series again: tickerflow ingest",
            where=str(key),
        ) from error
    if table.schema.remove_metadata() != _SCHEMA:
        raise StoreError(
            f"expected the columns {', '.join(BAR_COLUMNS)} in {path}, found {found}",
            hint="remove the file and ingest the series again: tickerflow ingest",
            where=str(key),
        )
    bars: pd.DataFrame = table.to_pandas()
    return bars


def read_sidecar(store_dir: Path, key: SeriesKey) -> Sidecar | None:
    """Return ingest's account of the bars in the store; None where there is none that belongs to them.

    The outcome's paths are those of ``store_dir``, wherever it was written.
    """
    try:
        with regular.opened(sidecar_path(store_dir, key)) as file:
            sidecar = Sidecar.model_validate_json(file.read())
        with regular.opened(bars_path(store_dir, key)) as file:
            metadata = pq.read_metadata(file).metadata or {}
    except FileNotFoundError:
        return None
    except (ValidationError, *_DAMAGE):
        # Damaged or of another version: what it knew is found out again, by reading the files.
        return None
    outcome, quarantine = sidecar.outcome, quarantine_path(store_dir, key)
    if metadata.get(_FINGERPRINT, b"").decode() != outcome.fingerprint:
        return None
    if outcome.quarantined and not quarantine.exists():
        return None
    here = {
        "store_path": str(bars_path(store_dir, key)),
        "quarantine_path": str(quarantine) if outcome.quarantined else "",
    }
    return sidecar.model_copy(update={"outcome": outcome.model_copy(update=here)})


def read_outcome(store_dir: Path, key: SeriesKey) -> IngestOutcome | None:
    """Return what the last successful ingest said of a series; None where there is no such series."""
    sidecar = read_sidecar(store_dir, key)
    return sidecar.outcome if sidecar else None


def write_sidecar(store_dir: Path, key: SeriesKey, sidecar: Sidecar) -> None:
    """Replace the sidecar; to be called after the bars are written. Raises `StoreError`."""
    path = sidecar_path(store_dir, key)
    try:
        atomic.write_text(path, sidecar.model_dump_json(exclude_defaults=True) + "\n")
    except OSError as error:
        raise _unwritable(path, error) from error


def write_quarantine(
    store_dir: Path, key: SeriesKey, rows: pd.DataFrame, texts: Sequence[str]
) -> Path | None:
    """Replace the quarantine file, or remove it where ``rows`` is empty; return where it is.

    ``rows`` has the columns file, line, reason and timestamp (NaT where it did not parse); ``texts`` are
    the rows as they stand in their files. Raises `StoreError`.
    """
    path = quarantine_path(store_dir, key)
    try:
        if rows.empty:
            path.unlink(missing_ok=True)
            return None
        stamps = rows["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").fillna("")
        sink = io.StringIO(newline="")
        # All text is quoted, for a lone carriage return in a row would otherwise end it.
        writer = csv.writer(sink, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(["file", "line", "reason", "timestamp", "text"])
        columns = (rows["file"], rows["line"], rows["reason"], stamps, texts)
        for file, line, reason, stamp, text in zip(*columns, strict=True):
            writer.writerow([_inert(file), line, reason, stamp, _inert(text)])
        # A raw file may hold bytes of no encoding; they are shown escaped rather than lost.
        atomic.write_bytes(path, sink.getvalue().encode(errors="backslashreplace"))
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _inert(text: str) -> str:
    """Keep a spreadsheet from running what a CSV brought along: a leading quote makes it plain text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"expected to write {path}, found: {error.strerror or error}",
        hint="free disk space or choose another folder with --store-dir; what was there before still is",
    )

"""From a series' raw files to its normalised bars in the store: read, judge, keep.

Both halves can run apart, as the tasks ``ingest`` and ``validate``: the raw rows wait between them in an
uncompressed Arrow file under ``{store-dir}/.staging``. Whatever is expected to go wrong with a series
ends in an outcome ``rejected`` with the reason; then no bars are written, and those that the store held
before stay (of a series with too many bad rows these are kept, as its quarantine). One bad file rejects
its series: one with an unseen hole where a file should be is worse than none. The file is named.
"""

import hashlib
import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ml.config import IngestConfig, Settings
from ml.data import atomic, store
from ml.data.adjusted import adjusted_closes
from ml.data.bars import BAR_COLUMNS, SplitBars, split_bars
from ml.data.calendars import find_gaps, infer_calendar
from ml.data.discovery import RawSeries
from ml.data.reading import Override, load_overrides, read_lines, read_raw
from ml.data.sources import fingerprint_files, same_content
from ml.data.staging import About, RawRows, load_rows, save_rows
from ml.data.suspects import find_suspects
from ml.errors import BadSeriesError, CalendarError, TickerflowError, UnreadableFileError
from ml.outcomes import Failure, IngestOutcome, StagedSeries
from ml.series import SeriesKey

# To be raised when the same files would be read or judged differently: all bars are then made anew.
READER_VERSION: Final = 4

_OVERRIDES = "overrides.toml"
_SHOWN = 3


def ingest_series(raw: RawSeries, settings: Settings) -> IngestOutcome:
    """Bring one series' files into the store.

    Expected errors, `TickerflowError`, become an outcome ``rejected``; others are bugs, and are raised.
    """
    started = time.perf_counter()
    try:
        rows = _read(raw, settings)
        outcome = rows if isinstance(rows, IngestOutcome) else _keep(rows, settings)
    except TickerflowError as error:
        outcome = _rejected(raw.key, error)
    return _took(outcome, started)


def stage_series(raw: RawSeries, settings: Settings) -> StagedSeries:
    """Read one series' files, and leave their rows on disk for `validate_series`.

    The result already has its outcome where the files are unchanged, or cannot be read.
    """
    started = time.perf_counter()
    path, outcome = "", None
    try:
        rows = _read(raw, settings)
        if isinstance(rows, IngestOutcome):
            outcome = _took(rows, started)
        else:
            path = str(save_rows(_staging_folder(settings.store_dir), rows))
    except TickerflowError as error:
        outcome = _took(_rejected(raw.key, error), started)
    return StagedSeries(
        ticker=raw.key.ticker, interval=str(raw.key.interval), path=path, outcome=outcome
    )


def validate_series(staged: StagedSeries, settings: Settings) -> IngestOutcome:
    """Judge staged rows, write the store and remove what was staged.

    Expected errors become an outcome ``rejected``, as in `ingest_series`.
    """
    if staged.outcome is not None:
        return staged.outcome
    started = time.perf_counter()
    path = Path(staged.path)
    try:
        rows = load_rows(path)
        outcome = _keep(rows, settings)
        started -= rows.about.seconds
    except TickerflowError as error:
        outcome = _rejected(staged.key, error)
    path.unlink(missing_ok=True)
    return _took(outcome, started)


def _read(raw: RawSeries, settings: Settings) -> RawRows | IngestOutcome:
    """All rows of the files; or the last outcome, where nothing has changed since."""
    started = time.perf_counter()
    overrides = _overrides(raw, settings)
    config = _fingerprint(settings.ingest, overrides)
    last = store.read_sidecar(settings.store_dir, raw.key)
    sources = fingerprint_files(raw.files, settings.ingest.max_file_bytes, last.sources if last else ())
    if last is not None and last.config == config and same_content(last.sources, sources):
        if last.sources != sources:  # touched or copied: the new dates spare the next run the hashing
            store.write_sidecar(
                settings.store_dir, raw.key, last.model_copy(update={"sources": sources})
            )
        return last.outcome.model_copy(update={"unchanged": True})

    frames, readings = [], []
    for position, (path, override) in enumerate(zip(raw.files, overrides, strict=True)):
        table = read_raw(path, raw.key, settings.ingest, override)
        frames.append(table.frame.assign(file=np.int32(position)))
        readings.append(table.reading)
    for path, source in zip(raw.files, sources, strict=True):
        if not source.is_at_rest(path):
            raise UnreadableFileError(
                "expected a file at rest, found that it changed while it was read",
                hint="ingest again when the download has finished",
                where=path.name,
            )
    about = About(
        ticker=raw.key.ticker,
        interval=str(raw.key.interval),
        paths=raw.files,
        sources=sources,
        config=config,
        readings=tuple(readings),
        seconds=time.perf_counter() - started,
    )
    return RawRows(about, pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0])


def _keep(rows: RawRows, settings: Settings) -> IngestOutcome:
    """Judge the rows and write what is good, what is bad and, last, what was found."""
    about, key, folder = rows.about, rows.about.key, settings.store_dir
    split = split_bars(rows.frame.iloc[:, : len(BAR_COLUMNS)])
    quarantine = _located(split, rows)
    try:
        _check_share(quarantine, len(rows.frame), about, settings.ingest)
    except BadSeriesError as error:
        # The bars of before stay; what is wrong with these rows is kept for the user to look at.
        path = store.write_quarantine(folder, key, quarantine, _texts(quarantine, about))
        return _rejected(key, error).model_copy(
            update={"quarantined": _counts(quarantine), "quarantine_path": str(path or "")}
        )

    bars = split.bars
    warnings = [
        f"{path.name}: {warning}"
        for path, reading in zip(about.paths, about.readings, strict=True)
        for warning in reading.warnings
    ]
    calendar = infer_calendar(key, bars, settings.ingest.calendar)
    gaps = 0
    try:
        gaps = len(find_gaps(calendar, key, bars))
    except CalendarError as error:  # old bars, before the calendar begins, are good bars
        warnings.append(f"gaps were not looked for: {error.message}")
    suspects = _suspects(bars, about, settings)
    # Before anything is written: a raw file that vanishes now leaves the store as it was.
    texts = _texts(quarantine, about)

    fingerprint = store.write_bars(folder, key, bars)
    quarantine_path = store.write_quarantine(folder, key, quarantine, texts)
    outcome = IngestOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status="ok",
        rows=len(bars),
        first=bars["timestamp"].iloc[0].to_pydatetime(warn=False),
        last=bars["timestamp"].iloc[-1].to_pydatetime(warn=False),
        quarantined=_counts(quarantine),
        suspect=tuple(stamp.to_pydatetime(warn=False) for stamp in suspects),
        duplicates_collapsed=split.duplicates,
        has_volume=bool(bars["volume"].notna().any()),
        calendar=calendar.code,
        gaps=gaps,
        fingerprint=fingerprint,
        files=tuple(path.name for path in about.paths),
        store_path=str(store.bars_path(folder, key)),
        quarantine_path=str(quarantine_path or ""),
        warnings=tuple(warnings),
    )
    sidecar = store.Sidecar(config=about.config, sources=about.sources, outcome=outcome)
    store.write_sidecar(folder, key, sidecar)
    return outcome


def _located(split: SplitBars, rows: RawRows) -> pd.DataFrame:
    """Quarantined rows with their file's name and line: file, line, reason, timestamp."""
    if split.quarantine.empty:
        return pd.DataFrame(columns=["file", "line", "reason", "timestamp"])
    positions = split.quarantine["position"].to_numpy()
    names = np.array([path.name for path in rows.about.paths], dtype=object)
    return pd.DataFrame(
        {
            "file": names[rows.frame["file"].to_numpy()[positions]],
            "line": rows.frame["line"].to_numpy()[positions],
            "reason": split.quarantine["reason"],
            "timestamp": split.quarantine["timestamp"],
        }
    )


def _check_share(quarantine: pd.DataFrame, n_rows: int, about: About, config: IngestConfig) -> None:
    bad = len(quarantine)
    if n_rows > 0 and bad <= config.max_bad_share * n_rows and bad < n_rows:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in _counts(quarantine).items())
    first = quarantine.drop_duplicates("reason").head(_SHOWN)
    examples = ", ".join(
        f"{file}:{line} ({reason})"
        for file, line, reason in zip(first["file"], first["line"], first["reason"], strict=True)
    )
    allowed = f"at most {config.max_bad_share:.0%} bad rows" if bad < n_rows else "at least one good row"
    raise BadSeriesError(
        f"expected {allowed}, found {bad} of {n_rows} ({bad / max(n_rows, 1):.0%}): {reasons}",
        hint=f"look at {examples}; an override can name the columns, and max_bad_share is a setting",
        where=", ".join(path.name for path in about.paths),
    )


def _counts(quarantine: pd.DataFrame) -> dict[str, int]:
    if quarantine.empty:
        return {}
    return {str(reason): int(count) for reason, count in quarantine["reason"].value_counts().items()}


def _suspects(bars: pd.DataFrame, about: About, settings: Settings) -> pd.DatetimeIndex:
    suspects = find_suspects(bars)
    if suspects.empty:
        return suspects
    # Rare enough to read the files again: a split that the adjusted closes know of is no error.
    overrides = _overrides(RawSeries(about.key, about.paths), settings)
    closes = adjusted_closes(about.paths, about.readings, overrides, about.key, settings.ingest)
    return find_suspects(bars, closes.reindex(bars["timestamp"]).to_numpy())


def _texts(quarantine: pd.DataFrame, about: About) -> list[str]:
    """The quarantined rows as they stand in their files."""
    if quarantine.empty:
        return []
    texts: dict[tuple[str, int], str] = {}
    for path, reading in zip(about.paths, about.readings, strict=True):
        lines = quarantine.loc[quarantine["file"] == path.name, "line"].tolist()
        found = read_lines(path, reading, lines) if lines else {}
        texts |= {(path.name, line): text for line, text in found.items()}
    places = zip(quarantine["file"], quarantine["line"], strict=True)
    return [texts.get(place, "") for place in places]


def _overrides(raw: RawSeries, settings: Settings) -> list[Override | None]:
    named = settings.ingest.overrides
    overrides = load_overrides(named or settings.raw_dir / _OVERRIDES, required=named is not None)
    return [overrides.for_file(raw.key, path.name) for path in raw.files]


def _fingerprint(config: IngestConfig, overrides: list[Override | None]) -> str:
    decides = {
        "reader": READER_VERSION,
        "config": config.model_dump(mode="json", include={"timezone", "max_bad_share", "calendar"}),
        "overrides": [repr(override) for override in overrides],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=16)
def _staging_folder(store_dir: Path) -> Path:
    """The folder of staged rows, cleared, once a process, of what killed runs left there."""
    folder = store_dir / ".staging"
    atomic.sweep(store_dir)
    atomic.sweep(folder)
    return folder


def _rejected(key: SeriesKey, error: TickerflowError) -> IngestOutcome:
    return IngestOutcome(
        ticker=key.ticker, interval=str(key.interval), status="rejected", failure=Failure.of(error)
    )


def _took(outcome: IngestOutcome, started: float) -> IngestOutcome:
    return outcome.model_copy(update={"seconds": round(time.perf_counter() - started, 6)})

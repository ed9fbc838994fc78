"""A series' own bars, brought up to date with its raw files and kept in memory while these rest."""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.artifacts.expiry import bars_since
from ml.artifacts.meta import Meta
from ml.config import Settings
from ml.data.calendars import Calendar, future_timestamps, infer_calendar
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import ingest_series
from ml.data.store import bars_fingerprint, bars_path, read_bars
from ml.errors import NoDataError, TickerflowError
from ml.evaluation.intervals import Fan
from ml.forecasting.spec import MAX_STEPS
from ml.inference.turns import Turns
from ml.inference.walk import walk_fan
from ml.outcomes import Failure, IngestOutcome
from ml.series import SeriesKey

_KEPT_SERIES = 64
_KEPT_WALKS = 64  # of one series; a client may ask for any number of steps
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# File systems stamp files by a clock that ticks every few milliseconds, some every two seconds: a file
# that changed just before we looked can change again without a new stamp.
_SETTLED_NS = 2_000_000_000

Stamp = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, eq=False, slots=True)
class SeriesBars:
    """Normalised bars of a series, their fingerprint, and the calendar that they follow.

    ``asof`` is the stamp of the last one. What is asked of it again and again is found out once.
    """

    key: SeriesKey
    bars: pd.DataFrame
    fingerprint: str
    calendar: Calendar
    asof: datetime = field(init=False)
    _future: dict[int, pd.DatetimeIndex] = field(default_factory=dict)
    _ends: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    _since: dict[datetime, int] = field(default_factory=dict)
    _walks: dict[tuple[float, int], Fan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asof", self.bars["timestamp"].iloc[-1].to_pydatetime())

    @classmethod
    def of(
        cls, key: SeriesKey, bars: pd.DataFrame, setting: str, ingested: IngestOutcome | None = None
    ) -> "SeriesBars":
        """Look at the bars for what is not known of them.

        Args:
            key: the series.
            bars: normalised bars.
            setting: the calendar's.
            ingested: what ingest said of the series' bars; it counts where they are these bars.
        """
        fingerprint = bars_fingerprint(bars)
        if ingested is not None and ingested.fingerprint == fingerprint and ingested.calendar:
            return cls(key, bars, fingerprint, Calendar(ingested.calendar))
        return cls(key, bars, fingerprint, infer_calendar(key, bars, setting))

    def future(self, n_steps: int) -> pd.DatetimeIndex:
        """Stamps of the next bars, ``(n_steps,)``; found out once, for calendars take their time."""
        if n_steps not in self._future:
            self._future[n_steps] = future_timestamps(self.calendar, self.key, self.bars, n_steps)
        return self._future[n_steps]

    def since_training(self, meta: Meta) -> int:
        """Bars that came after the last one that a model was trained and judged with."""
        last = meta.data.last
        if last not in self._since:
            self._since[last] = bars_since(meta, self.bars["timestamp"])
        return self._since[last]

    def walk(self, meta: Meta, n_steps: int) -> Fan:
        """The random walk's forecast beside a model's: one for all that learnt from the same bars."""
        asked = meta.target.sigma, n_steps
        walk = self._walks.get(asked)
        if walk is None:
            if len(self._walks) >= _KEPT_WALKS:
                self._walks.clear()
            walk = self._walks[asked] = walk_fan(self.bars, meta, n_steps)
        return walk

    def overdue(self, now: datetime) -> int:
        """Bars that should have come by now (aware of its zone) and have not, counted up to 500."""
        most = min(MAX_STEPS, int((now - self.asof) / self.key.interval.delta))
        if most < 1:
            return 0
        # Rounded up, so that time going on does not ask the calendar again and again.
        counted = min(MAX_STEPS, 2 ** most.bit_length())
        if counted not in self._ends:
            # A bar carries the stamp of its start, and is there when the next one begins.
            ends = self.future(counted) + self.key.interval.delta
            self._ends[counted] = ends.as_unit("us").asi8
        microseconds = (now - _EPOCH) // timedelta(microseconds=1)
        return int(np.searchsorted(self._ends[counted], microseconds, side="right"))


@dataclass(frozen=True, eq=False, slots=True)
class _Kept:
    series: SeriesBars
    files: tuple[Path, ...]
    stamp: Stamp


@dataclass(frozen=True, eq=False, slots=True)
class _Listing:
    series: Mapping[SeriesKey, RawSeries]
    stamp: Stamp


class BarSource:
    """Reads series from the store after bringing it up to date; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: OrderedDict[SeriesKey, _Kept] = OrderedDict()
        self._listing: _Listing | None = None
        self._lock = threading.Lock()
        self._turns = Turns()

    def load(self, key: SeriesKey) -> SeriesBars:
        """The series' bars, ingested anew if its raw files changed.

        A series whose raw files are gone is served from the store.

        Raises:
            NoDataError: neither raw files nor stored bars.
            TickerflowError: what ingest says of files that it rejects.
        """
        kept = self._current(key)
        if kept is not None:
            return kept
        with self._turns.of(key):
            # Another thread may have been faster.
            return self._current(key) or self._load(key)

    def _current(self, key: SeriesKey) -> SeriesBars | None:
        """What is kept, if no file of it has changed."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or self._stamp(kept.files) != kept.stamp:
            return None
        return kept.series

    def _load(self, key: SeriesKey) -> SeriesBars:
        raw = self._find(key)
        files = raw.files if raw is not None else (bars_path(self._settings.store_dir, key),)
        stamp = self._stamp(files)
        looked_at = time.time_ns()
        series = self._ingest(raw) if raw is not None else self._stored(key)
        with self._lock:
            self._kept.pop(key, None)
            if _settled(stamp, looked_at):
                self._kept[key] = _Kept(series, files, stamp)
            while len(self._kept) > _KEPT_SERIES:
                self._kept.popitem(last=False)
        return series

    def _find(self, key: SeriesKey) -> RawSeries | None:
        """The series' raw files; None where there are none but stored bars."""
        listed = self._listed().get(key)
        if listed is not None:
            return listed
        try:
            found = discover(self._settings.raw_dir, [key.ticker], [str(key.interval)])
        except NoDataError:
            if not bars_path(self._settings.store_dir, key).is_file():
                raise
            return None
        for series in found.series:
            if series.key == key:
                return series
        raise error_of(found.problems[0].failure)

    def _listed(self) -> Mapping[SeriesKey, RawSeries]:
        """All series of the raw folder, listed once: a universe would list it for each of its series."""
        listing, stamp = self._listing, (_stat(self._settings.raw_dir),)
        if listing is not None and listing.stamp == stamp:
            return listing.series
        looked_at = time.time_ns()
        try:
            found = discover(self._settings.raw_dir).series
        except NoDataError:
            return {}
        series = {raw.key: raw for raw in found}
        self._listing = _Listing(series, stamp) if _settled(stamp, looked_at) else None
        return series

    def _ingest(self, raw: RawSeries) -> SeriesBars:
        outcome = ingest_series(raw, self._settings)
        if outcome.failure is not None:
            raise error_of(outcome.failure)
        return self._stored(raw.key, outcome)

    def _stored(self, key: SeriesKey, ingested: IngestOutcome | None = None) -> SeriesBars:
        bars = read_bars(self._settings.store_dir, key)
        return SeriesBars.of(key, bars, self._settings.ingest.calendar, ingested)

    def _stamp(self, files: tuple[Path, ...]) -> Stamp:
        """What changes when a file of the series does, is replaced, comes or goes."""
        overrides = self._settings.ingest.overrides or self._settings.raw_dir / "overrides.toml"
        return tuple(_stat(path) for path in (self._settings.raw_dir, overrides, *files))


def error_of(failure: Failure) -> TickerflowError:
    """The error that a failure was made of."""
    return _error_class(failure.code)(failure.message, hint=failure.hint, where=failure.where)


def _error_class(code: str) -> type[TickerflowError]:
    classes = [TickerflowError]
    for each in classes:
        if each.code == code:
            return each
        classes.extend(each.__subclasses__())
    return TickerflowError


def _settled(stamp: Stamp, looked_at: int) -> bool:
    """Whether nothing of it changed so shortly before that it could change again without showing."""
    return all(max(modified, changed) < looked_at - _SETTLED_NS for *_, modified, changed in stamp)


def _stat(path: Path) -> tuple[str, int, int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (str(path), 0, 0, 0, 0)
    return (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

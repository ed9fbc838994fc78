"""From written stamps and epochs to what a bar's timestamp is.

Daily and longer: the session's date as the file writes it, at midnight UTC. Intraday: the UTC instant.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.data.reading.order import Ints, days, decide_order, read_parts
from ml.data.reading.written import Fields, read_fields
from ml.data.reading.zones import ambiguous_zone, read_zone, to_utc
from ml.series import Interval

Stamps = NDArray[np.datetime64]
_NAT = np.datetime64("NaT", "ns")
_DAY_NS = 86_400 * 10**9
# Bounds of plausible instants: years 1900 to 2200, in nanoseconds.
_MIN_NS, _MAX_NS = -2_208_988_800 * 10**9, 7_258_118_400 * 10**9


@dataclass(frozen=True, slots=True)
class StampRules:
    """What is needed to read stamps beside the stamps.

    Attributes:
        interval: of the series; decides between date and instant.
        zone: of stamps without an offset.
        fixed_zone: an override says the zone, which then also holds for suffixes that are ambiguous.
        day_first: what an override says.
        date_format: strptime format that an override gives.
        filename: for errors and their hints.
    """

    interval: Interval
    zone: str
    filename: str
    fixed_zone: bool = False
    day_first: bool | None = None
    date_format: str | None = None


@dataclass(frozen=True, slots=True)
class ReadStamps:
    """Timestamps ``(n,)`` datetime64[ns] in UTC, NaT where unparsable, and how they were read."""

    values: Stamps
    kind: str
    offsets: bool = False


def read_epochs(column: pa.Array | pa.ChunkedArray, rules: StampRules) -> ReadStamps:
    """Epochs in s, ms, µs or ns (each value by its own magnitude) to timestamps."""
    if pa.types.is_integer(column.type):
        known = (
            pc.is_valid(column).to_numpy(zero_copy_only=False)
            if isinstance(column, pa.Array)
            else pc.is_valid(column).to_numpy()
        )
        filled = pc.fill_null(column, 0)
        values = np.asarray(filled.to_numpy(), dtype=np.int64)
        size = np.abs(values)
        scale = np.select([size < 10**11, size < 10**14, size < 10**17], [10**9, 10**6, 10**3], 1)
        limit = np.iinfo(np.int64).max // scale
        sane = known & (size <= limit)
        nanos = np.where(sane, values, 0) * scale
    else:
        floats = np.asarray(column.to_numpy(), dtype=np.float64)
        sane = np.isfinite(floats)
        floats = np.where(sane, floats, 0.0)
        magnitude = np.abs(floats)
        factor = np.select([magnitude < 1e11, magnitude < 1e14, magnitude < 1e17], [1e6, 1e3, 1.0], 1e-3)
        # To the microsecond: more than that a float64 does not hold.
        micros = np.rint(floats * factor)
        sane &= np.abs(micros) < 9e15
        nanos = np.where(sane, micros, 0).astype(np.int64) * 1000
    sane &= (nanos >= _MIN_NS) & (nanos <= _MAX_NS)
    instants = np.where(sane, nanos.astype("datetime64[ns]"), _NAT)
    return ReadStamps(
        _epoch_sessions(instants, rules) if not rules.interval.is_intraday else instants, "epoch"
    )


def _epoch_sessions(instants: Stamps, rules: StampRules) -> Stamps:
    """The session dates of instants.

    An instant has no date of its own. In UTC a bar of New York (05:00Z) or London falls on its session;
    one stamped at midnight of Shanghai or Berlin falls on the evening before. The weekdays tell: where
    all UTC dates are Sundays to Thursdays and the dates after them Mondays to Fridays (for months: the
    dates after are the 1st), the date after is the session. Around-the-clock markets stay in UTC.
    """
    if rules.fixed_zone and rules.zone != "UTC":
        return _local_dates(instants, rules.zone)
    dates = instants.astype("datetime64[D]")
    known = ~np.isnat(dates)
    late = instants[known].astype(np.int64) % _DAY_NS >= 9 * 3600 * 10**9
    if late.size and late.all():
        after = dates[known] + 1
        if rules.interval.unit == "mo":
            shifted = bool((after == after.astype("datetime64[M]").astype("datetime64[D]")).all())
        else:
            weekday = (after.astype(np.int64) + 3) % 7  # Monday is 0
            shifted = bool((weekday <= 4).all() and ((weekday - 1) % 7 == 6).any())
        if shifted:
            dates = dates + 1
    return dates.astype("datetime64[ns]")


def _local_dates(instants: Stamps, zone: str) -> Stamps:
    local = pd.DatetimeIndex(instants, tz="UTC").tz_convert(zone).tz_localize(None)
    return local.to_numpy("datetime64[ns]").astype("datetime64[D]").astype("datetime64[ns]")


def read_serials(values: NDArray[np.float64], rules: StampRules) -> ReadStamps:
    """Spreadsheet day numbers (days since 1899-12-30, the time as the fraction) to timestamps."""
    sane = (values > 1) & (values < 100_000)
    seconds = np.rint(np.where(sane, values, 0) * 86_400).astype(np.int64)
    wall = np.datetime64("1899-12-30", "ns") + seconds.astype("timedelta64[s]")
    return ReadStamps(_finish(np.where(sane, wall, _NAT), None, rules), "serial")


def read_naive(column: pa.ChunkedArray, rules: StampRules) -> ReadStamps:
    """Stamps that Arrow has parsed already, without offsets, to timestamps."""
    wall = np.asarray(column.to_numpy(), dtype="datetime64[ns]")
    return ReadStamps(_finish(wall, None, rules), "written")


def read_written(column: pa.Array | pa.ChunkedArray, rules: StampRules) -> ReadStamps:
    """Written stamps, in whatever forms stand in the column, to timestamps.

    Raises `AmbiguousFileError` where day and month, or a zone's name, can mean two things.
    """
    wall, offset = _strptime(column, rules) if rules.date_format else _written(column, rules)
    zoned = offset is not None and bool((offset != _NO_OFFSET).any())
    return ReadStamps(_finish(wall, offset, rules), "written", zoned)


_NO_OFFSET = np.int64(10**6)


def _finish(wall: Stamps, offset: Ints | None, rules: StampRules) -> Stamps:
    if not rules.interval.is_intraday:
        return wall.astype("datetime64[D]").astype("datetime64[ns]")
    if offset is None:
        return to_utc(wall, rules.zone)
    zoned = offset != _NO_OFFSET
    utc = wall - np.where(zoned, offset, 0).astype("timedelta64[s]")
    if not zoned.all():
        naive = ~zoned
        utc[naive] = to_utc(wall[naive], rules.zone)
    return np.asarray(utc, dtype="datetime64[ns]")


def _strptime(texts: pa.Array | pa.ChunkedArray, rules: StampRules) -> tuple[Stamps, Ints]:
    wall = np.full(len(texts), _NAT)
    offset = np.full(len(texts), _NO_OFFSET)
    for position, text in enumerate(texts.to_pylist()):
        try:
            stamp = datetime.strptime((text or "").strip(), rules.date_format or "")
        except ValueError:
            continue
        shift = stamp.utcoffset()
        wall[position] = np.datetime64(stamp.replace(tzinfo=None), "ns")
        if shift is not None:
            offset[position] = round(shift.total_seconds())
    return wall, offset


def _written(texts: pa.Array | pa.ChunkedArray, rules: StampRules) -> tuple[Stamps, Ints | None]:
    """Local wall-clock times and, where there are any, offsets ``(n,)``."""
    fields = read_fields(texts)
    part = fields.numbers
    dates = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[D]")
    # A stamp without a day names a month: Jan 02 in a daily file is not January 2002.
    dayless = (part["d"] == 0) & (rules.interval.unit != "mo")
    ordered = np.flatnonzero((part["m"] > 0) & ~dayless)
    if len(ordered):
        day = part["d"][ordered]
        dates[ordered] = days(part["y"][ordered], part["m"][ordered], np.where(day == 0, 1, day))
    hour = part["H"] + 12 * (fields.afternoon & (part["H"] < 12)).astype(np.int32)
    hour[fields.morning & (hour == 12)] = 0
    clock = hour * 3600 + part["M"] * 60 + part["S"]
    for form, year in (("numeric", "y"), ("short", "c"), ("six", "c")):
        here = fields.rows_of(form)
        # A few stamps cut to six digits are mistakes.
        if len(here) and not (form == "six" and 2 * len(here) < len(texts)):
            parts = (part["a"][here], part["b"][here], part[year][here])
            example = texts[int(here[0])].as_py().strip()
            choice = decide_order(
                parts,
                short=form != "numeric",
                dotted="." in example[:6],
                spacing=rules.interval.delta,
                day_first=rules.day_first,
                filename=rules.filename,
                example=example,
            )
            dates[here] = read_parts(parts, choice)
    # 24:00:00 is the next midnight; other times beyond the day are mistakes.
    sane = (part["M"] < 60) & (part["S"] < 60) & ((hour < 24) | (clock == 86_400))
    nanoseconds = clock * np.int64(10**9) + part["ns"]
    wall = dates.astype("datetime64[ns]") + nanoseconds.view("timedelta64[ns]")
    wall[~sane] = _NAT
    return wall, _offsets(fields, rules, wall)


def _offsets(fields: Fields, rules: StampRules, wall: Stamps) -> Ints | None:
    """Seconds east of Greenwich ``(n,)``, `_NO_OFFSET` where a stamp says nothing; None if all do."""
    if not rules.interval.is_intraday or len(fields.zones) == 1:
        return None
    offset = np.full(len(wall), _NO_OFFSET)
    for position, text in enumerate(fields.zones[1:], start=1):
        zone = read_zone(text)
        here = fields.zone == position
        if isinstance(zone, int):
            offset[here] = zone
        elif zone is not None:
            gap = wall[here] - to_utc(wall[here], zone)
            offset[here] = np.where(np.isnat(gap), 0, gap.astype("timedelta64[s]").astype(np.int64))
        elif not rules.fixed_zone:
            raise ambiguous_zone(text, rules.filename)
    return offset

"""One raw CSV to a table of bars as its vendor wrote them: no row is judged, and none is dropped."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.config import IngestConfig
from ml.data.reading.columns import Roles, assign_roles
from ml.data.reading.files import read_file
from ml.data.reading.layout import Layout, find_layout
from ml.data.reading.names import PRICES
from ml.data.reading.numbers import is_null, parse_numbers
from ml.data.reading.overrides import Override, override_text
from ml.data.reading.symbols import choose_symbol
from ml.data.reading.table import Table, read_table
from ml.data.reading.text import decode, unwrap
from ml.data.reading.timestamps import (
    ReadStamps,
    StampRules,
    read_epochs,
    read_naive,
    read_serials,
    read_written,
)
from ml.data.reading.volumes import unit_of
from ml.data.reading.zones import zone_in_name
from ml.errors import UnrecognisedFileError
from ml.series import SeriesKey


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file was read.

    Attributes:
        encoding: of the file.
        delimiter: between fields; a blank stands for runs of blanks.
        decimal: the decimal sign.
        header_lines: 1-based lines of the header, empty if there is none.
        first_line: 1-based line of the first data row.
        columns: role to position; ``time`` is a separate time of day.
        names: role to header name, empty texts where there is none.
        stamps: ``written``, ``epoch`` or ``serial``.
        zone: of stamps without an offset; empty where only dates matter.
        symbol: the symbol whose rows were taken, empty if all were.
        has_volume: whether the file has a volume on any row.
        warnings: what the user should know.
    """

    encoding: str
    delimiter: str
    decimal: str
    header_lines: tuple[int, ...]
    first_line: int
    columns: dict[str, int]
    names: dict[str, str]
    stamps: str
    zone: str
    symbol: str
    has_volume: bool
    warnings: tuple[str, ...]

    def describe(self) -> dict[str, object]:
        """All of it as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class RawTable:
    """A file's rows in file order, and how they were read.

    ``frame`` has the columns timestamp (datetime64[ns, UTC], NaT where unparsable), open, high, low,
    close, volume (float64, NaN where missing, no number or infinite) and line (int64, 1-based).
    """

    frame: pd.DataFrame
    reading: Reading


def read_raw(
    path: Path, key: SeriesKey, config: IngestConfig, override: Override | None = None
) -> RawTable:
    """Read a CSV of bars, whoever wrote it.

    Raises `UnreadableFileError`, `UnrecognisedFileError`, `AmbiguousFileError`, `SymbolError` or
    `OverrideError`; each says what was found and what to do.
    """
    override = override or Override()
    name = path.name
    text = decode(read_file(path, config.max_file_bytes), name, override.encoding)
    data = unwrap(text.data)
    layout = find_layout(data, override, name)
    roles = assign_roles(layout, key, override, name)
    rules = _rules(roles, key, config, override, name)
    decimal = roles.sample.decimal
    table = read_table(data, layout, _types(roles, rules), decimal)
    table, symbol, warning = _of_symbol(table, roles.symbol, override.symbol or key.ticker, name)
    stamps = _stamps(table, roles, rules, decimal)
    values = [parse_numbers(table.columns[column], decimal) for column in roles.prices]
    volume = (
        parse_numbers(table.columns[roles.volume], decimal) * unit_of(roles.sample.names[roles.volume])
        if roles.volume is not None
        else np.full(len(stamps.values), np.nan)
    )
    frame = pd.DataFrame(
        {
            "timestamp": pd.DatetimeIndex(stamps.values, tz="UTC"),
            **dict(zip(PRICES, values, strict=True)),
            "volume": volume,
            "line": table.lines,
        },
        copy=False,
    )
    frame, blank = _without_blank(frame, table, roles)
    if frame.empty:
        raise UnrecognisedFileError(
            "expected rows of bars, found no data rows", hint="download the file again", where=name
        )
    if frame["timestamp"].isna().all():
        column = roles.sample.columns[roles.stamp.index][:1]
        raise UnrecognisedFileError(
            f"expected timestamps, found {', '.join(column)!r} in column {roles.stamp.index} and no row "
            "that parses",
            hint="write the format into overrides.toml:\n" + override_text(name, date_format="%d.%m.%Y"),
            where=name,
        )
    warnings = [*roles.warnings, *([warning] if warning else [])]
    if key.interval.is_intraday and len(frame) > 3 and _are_dates(frame):
        warnings.append("the stamps have no time of day: is this a daily file?")
    if blank:
        warnings.append(f"{blank} rows without any value were left out")
    if layout.trailer:
        warnings.append(f"{layout.trailer} lines of text behind the data were left out")
    has_volume = bool(frame["volume"].notna().any())
    reading = _reading(text.encoding, layout, roles, rules, stamps, symbol, has_volume, tuple(warnings))
    return RawTable(frame, reading)


def _are_dates(frame: pd.DataFrame) -> bool:
    stamps = frame["timestamp"].dropna()
    if stamps.empty or stamps.iloc[0] != stamps.iloc[0].normalize():
        return False
    return bool((stamps == stamps.dt.normalize()).all())


def _rules(
    roles: Roles, key: SeriesKey, config: IngestConfig, override: Override, name: str
) -> StampRules:
    header = roles.sample.names[roles.stamp.index]
    zone = override.timezone or zone_in_name(header) or config.timezone
    return StampRules(
        interval=key.interval,
        zone=zone,
        filename=name,
        fixed_zone=override.timezone is not None,
        day_first=override.day_first,
        date_format=override.date_format,
    )


def _types(roles: Roles, rules: StampRules) -> dict[int, pa.DataType]:
    """Arrow types by column: what the sample allows, texts where more than Arrow is needed."""
    sample = roles.sample
    types: dict[int, pa.DataType] = {}
    for column in (*roles.prices, *([roles.volume] if roles.volume is not None else [])):
        types[column] = pa.float64() if sample.is_plain(column) else pa.string()
    stamp = roles.stamp
    if roles.symbol is not None:
        types[roles.symbol] = pa.string()
    if stamp.clock is not None:
        types[stamp.clock] = pa.string()
    types[stamp.index] = _stamp_type(roles, rules)
    return types


def _stamp_type(roles: Roles, rules: StampRules) -> pa.DataType:
    cells = [cell for cell in roles.sample.shapes(roles.stamp.index) if not is_null(cell)]
    if roles.stamp.kind == "epoch":
        return pa.int64() if all(cell.lstrip("-").isdigit() for cell in cells) else pa.string()
    if roles.stamp.kind == "serial" or roles.stamp.clock is not None or rules.date_format:
        return pa.string()
    if not all(_ISO.fullmatch(cell) for cell in cells):
        return pa.string()
    zoned = {cell[-1:] == "Z" or (cell[-6:-5] in ("+", "-") and ":" in cell[:-6]) for cell in cells}
    if zoned == {False}:
        return pa.timestamp("ns")
    return pa.timestamp("ns", "UTC") if zoned == {True} and rules.interval.is_intraday else pa.string()


_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?")


def _of_symbol(table: Table, column: int | None, ticker: str, name: str) -> tuple[Table, str, str]:
    """The rows of the series' symbol."""
    if column is None:
        return table, "", ""
    texts = pc.utf8_trim_whitespace(table.columns[column])
    symbols = [symbol for symbol in pc.unique(texts).to_pylist() if symbol]
    wanted, warning = choose_symbol(symbols, ticker, name)
    if wanted is None:
        return table, "", warning
    mask = pc.fill_null(pc.equal(texts, wanted), False)
    kept = {position: values.filter(mask) for position, values in table.columns.items()}
    return Table(kept, table.lines[np.asarray(mask)]), wanted, warning


def _stamps(table: Table, roles: Roles, rules: StampRules, decimal: str) -> ReadStamps:
    stamp = roles.stamp
    column = table.columns[stamp.index]
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            return read_naive(column, rules)
        return ReadStamps(np.asarray(column.to_numpy(), dtype="datetime64[ns]"), "written", True)
    if stamp.kind == "epoch":
        return read_epochs(_epochs(column, decimal), rules)
    if stamp.kind == "serial":
        return read_serials(parse_numbers(column, decimal), rules)
    if stamp.clock is not None:
        column = pc.binary_join_element_wise(column, _clock(table.columns[stamp.clock]), " ")
    return read_written(column, rules)


def _epochs(column: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_integer(column.type):
        return column
    whole = pc.match_substring_regex(pc.utf8_trim_whitespace(column), r"^-?\d{1,18}$")
    if pc.all(whole).as_py():
        return pc.cast(pc.utf8_trim_whitespace(column), pa.int64())
    return pa.array(parse_numbers(column, decimal), from_pandas=False)


def _clock(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times of day as texts; 930 and 93000 get the zeros that a number loses."""
    texts = pc.utf8_trim_whitespace(column)
    if not pc.all(pc.match_substring_regex(texts, r"^\d{1,6}$")).as_py():
        return texts
    longest = pc.max(pc.utf8_length(texts)).as_py()
    return pc.utf8_lpad(texts, 6 if longest > 4 else 4, "0")


def _without_blank(frame: pd.DataFrame, table: Table, roles: Roles) -> tuple[pd.DataFrame, int]:
    """Rows in which neither stamp nor price nor volume says anything are no rows (Excel's ``,,,,``)."""
    missing: NDArray[np.bool_] = frame["timestamp"].isna().to_numpy()
    if not missing.any():
        return frame, 0
    for column in (
        roles.stamp.index,
        *roles.prices,
        *([roles.volume] if roles.volume is not None else []),
    ):
        values = table.columns[column]
        empty = pc.is_null(values)
        if pa.types.is_string(values.type):
            empty = pc.or_(empty, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True))
        missing = missing & np.asarray(empty)
    return frame[~missing].reset_index(drop=True), int(missing.sum())


def _reading(
    encoding: str,
    layout: Layout,
    roles: Roles,
    rules: StampRules,
    stamps: ReadStamps,
    symbol: str,
    has_volume: bool,
    warnings: tuple[str, ...],
) -> Reading:
    columns = {"timestamp": roles.stamp.index, **dict(zip(PRICES, roles.prices, strict=True))}
    extra = {"time": roles.stamp.clock, "volume": roles.volume, "symbol": roles.symbol}
    columns |= {role: column for role, column in extra.items() if column is not None}
    return Reading(
        encoding=encoding,
        delimiter=layout.delimiter,
        decimal=roles.sample.decimal,
        header_lines=layout.header_lines,
        first_line=layout.first_line,
        columns=columns,
        names={role: roles.sample.names[column] for role, column in columns.items()},
        stamps=stamps.kind,
        zone=rules.zone if rules.interval.is_intraday and stamps.kind != "epoch" else "",
        symbol=symbol,
        has_volume=has_volume,
        warnings=warnings,
    )


def read_lines(path: Path, reading: Reading, lines: Sequence[int]) -> dict[int, str]:
    """The raw text of physical lines (1-based), without line ends; lines beyond the end are left out."""
    wanted = set(lines)
    last = max(wanted, default=0)
    found: dict[int, str] = {}
    with path.open(encoding=reading.encoding, errors="replace", newline=None) as file:
        for number, text in enumerate(file, start=1):
            if number > last:
                break
            if number in wanted:
                found[number] = text.rstrip("\n")
    return found

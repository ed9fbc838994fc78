"""Which column is what: stamps, open, high, low, close, volume, symbol."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from ml.data.reading.layout import Layout
from ml.data.reading.names import PRICES, meaning
from ml.data.reading.overrides import Override, override_text
from ml.data.reading.prices import Mapping4, complete, confirm, fit, guess, named_candidates, rivals
from ml.data.reading.sample import Sample, sample_decimal, transpose
from ml.data.reading.stamp_column import StampColumn, find_stamp
from ml.data.reading.symbols import choose_symbol, find_symbol, names_ticker
from ml.data.reading.timestamps import StampRules, read_epochs, read_written
from ml.data.reading.volumes import guessed_volume, named_volume
from ml.errors import AmbiguousFileError, OverrideError, TickerflowError, UnrecognisedFileError
from ml.series import SeriesKey


@dataclass(frozen=True)
class Roles:
    """Positions of the columns that make a bar, and the sample that they were judged on."""

    stamp: StampColumn
    prices: Mapping4
    volume: int | None
    symbol: int | None
    sample: Sample
    warnings: tuple[str, ...] = ()


def assign_roles(layout: Layout, key: SeriesKey, override: Override, filename: str) -> Roles:
    """Find the columns of a bar.

    A header that is shorter or longer than the rows is laid over them in every possible way; one way
    must fit the numbers, or the file is rejected: nothing is shifted silently.

    Raises `UnrecognisedFileError`, `AmbiguousFileError`, `SymbolError` or `OverrideError`.
    """
    columns = transpose(layout.rows, layout.width)
    decimal = override.decimal or sample_decimal(columns, layout.delimiter)
    used = max((i + 1 for i, column in enumerate(columns) if any(column)), default=0)
    names = list(layout.names)
    while len(names) > used and not names[-1]:
        names.pop()

    def sample_with(header: tuple[str, ...]) -> Sample:
        filled = (*header, *([""] * layout.width))[: layout.width]
        labels = tuple((*row, *([""] * layout.width))[: layout.width] for row in layout.headers[1:])
        return Sample(tuple(filled), labels, columns, layout.head, decimal)

    if not names or len(names) == used or layout.width == len(names):
        return _assign(sample_with(tuple(names)), key, override, filename)
    if len(names) > layout.width:
        headers = [tuple(names[: layout.width])]
    elif len(names) > used:
        headers = [tuple(names)]
    else:
        gap = ("",) * (used - len(names))
        headers = [(*names[:place], *gap, *names[place:]) for place in range(len(names) + 1)]
    return _one_way([sample_with(header) for header in headers], layout, key, override, filename)


def _one_way(
    samples: list[Sample], layout: Layout, key: SeriesKey, override: Override, filename: str
) -> Roles:
    """The one way to lay a header over the rows that the numbers admit."""
    found: dict[tuple[object, ...], Roles] = {}
    for sample in samples:
        try:
            roles = _assign(sample, key, override, filename)
        except TickerflowError:
            continue
        if min(fit(roles.sample, roles.prices)) >= 0.9:
            found.setdefault((roles.stamp, roles.prices, roles.volume, roles.symbol), roles)
    if len(found) == 1:
        roles = next(iter(found.values()))
        warning = (
            f"the header has {len(layout.names)} names and the rows {layout.width} fields; "
            "laid out by content"
        )
        return Roles(
            roles.stamp,
            roles.prices,
            roles.volume,
            roles.symbol,
            roles.sample,
            (*roles.warnings, warning),
        )
    raise AmbiguousFileError(
        f"expected as many header names as fields, found {len(layout.names)} names "
        f"({', '.join(layout.names)[:120]}) over rows of {layout.width} fields such as "
        f"{list(layout.rows[0])}",
        hint="name the columns in overrides.toml by position, the first being 0, for example:\n"
        + override_text(filename, columns=_template(layout.width)),
        where=filename,
    )


def _template(width: int) -> dict[str, str | int]:
    positions = {"timestamp": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
    return {role: position for role, position in positions.items() if position < width}


def _assign(sample: Sample, key: SeriesKey, override: Override, filename: str) -> Roles:
    fixed: dict[str, int] = {
        role: _position(sample, column, role, filename) for role, column in override.columns.items()
    }
    stamp = find_stamp(sample, key.interval, fixed)
    if stamp is None:
        raise UnrecognisedFileError(
            f"expected a column of timestamps, found none among {_titles(sample)}",
            hint="name it, and its format if it is an unusual one, in overrides.toml:\n"
            + override_text(filename, columns={"timestamp": 0}, date_format="%d/%m/%Y"),
            where=filename,
        )
    banned = {stamp.index} | ({stamp.clock} if stamp.clock is not None else set())
    symbol = fixed.get("symbol", find_symbol(sample, banned, override.symbol or key.ticker))
    banned |= {symbol} if symbol is not None else set()
    descending = partial(_is_descending, sample, stamp, key)
    warnings: list[str] = []
    candidates = named_candidates(sample, banned)
    candidates |= {role: [fixed[role]] for role in PRICES if role in fixed}
    candidates = _of_symbol(sample, candidates, override.symbol or key.ticker, filename)
    if any(candidates.values()):
        prices = confirm(sample, candidates, 0.0 if all(role in fixed for role in PRICES) else 0.1)
        if prices is None and not all(candidates.values()):
            prices = complete(sample, candidates, banned, descending())
            if prices is not None:
                warnings.append(
                    f"columns without a known name taken by their numbers: {_shown(sample, prices)}"
                )
    else:
        prices = guess(sample, banned, descending())
        if prices is not None and any(sample.names):
            warnings.append(
                f"no header name is known; columns taken by their numbers: {_shown(sample, prices)}"
            )
    if prices is None:
        raise _no_prices(sample, candidates, stamp, banned, descending(), filename)
    _check_rivals(sample, prices, candidates, fixed, filename)
    taken = banned | set(prices)
    if "volume" in fixed:
        volume: int | None = fixed["volume"]
    else:
        volume = named_volume(sample, prices, _other_symbols(sample, prices, taken), key.ticker)
        if volume is None and not any(candidates.values()):
            volume = guessed_volume(sample, prices, taken)
    unread = [i for i in range(sample.width) if sample.role(i) == "volume" and sample.filled(i)]
    if volume is None and unread and not any(map(sample.is_numeric, unread)):
        cell = sample.filled(unread[0])[0][:40]
        warnings.append(
            f"{sample.title(unread[0])} holds no numbers, such as {cell!r}: there is no volume"
        )
    return Roles(stamp, prices, volume, symbol, sample, tuple(warnings))


def _position(sample: Sample, column: str | int, role: str, filename: str) -> int:
    if isinstance(column, int):
        if column < sample.width:
            return column
    else:
        for form in (str.strip, str.casefold):
            matches = [i for i, name in enumerate(sample.names) if form(name) == form(column)]
            if matches:
                return matches[0]
    raise OverrideError(
        f"expected the column {column!r} for {role}, found {_titles(sample)}",
        hint="write a header name as it stands in the file, or a position from 0",
        where=filename,
    )


def _titles(sample: Sample) -> str:
    if any(sample.names):
        return f"the columns {', '.join(sample.title(i) for i in range(sample.width))}"[:300]
    first = [column[0] for column in sample.columns]
    return f"{sample.width} columns without a header, such as {', '.join(first)}"[:300]


def _shown(sample: Sample, prices: tuple[int, ...]) -> str:
    return ", ".join(
        f"{role} = {sample.title(column)}" for role, column in zip(PRICES, prices, strict=True)
    )


def _is_descending(sample: Sample, stamp: StampColumn, key: SeriesKey) -> bool:
    rules = StampRules(key.interval, "UTC", "", fixed_zone=True, day_first=None)
    if stamp.kind == "written":
        try:
            values = read_written(pa.array(sample.columns[stamp.index][: sample.head]), rules).values
        except AmbiguousFileError:
            return False
    else:
        values = read_epochs(pa.array(sample.numbers(stamp.index)[: sample.head]), rules).values
    steps = np.diff(values[~np.isnat(values)].astype(np.int64))
    return bool((steps < 0).sum() > (steps > 0).sum())


def _of_symbol(
    sample: Sample, candidates: dict[str, list[int]], ticker: str, filename: str
) -> dict[str, list[int]]:
    """In a file with one column for each symbol, the candidates of the ticker alone."""
    repeated = [role for role in PRICES if len(candidates[role]) > 1]
    mine = {
        role: [column for column in columns if names_ticker(sample.names[column], ticker)]
        for role, columns in candidates.items()
    }
    if repeated and all(mine.values()):
        return mine
    symbols = dict.fromkeys(
        word
        for role in repeated
        for column in candidates[role]
        for row in sample.labels
        if (word := row[column]) and meaning(word) is None
    )
    if len(symbols) < 2:
        return candidates
    wanted, _ = choose_symbol(list(symbols), ticker, filename)
    return {
        role: [column for column in columns if any(row[column] == wanted for row in sample.labels)]
        for role, columns in candidates.items()
    }


def _other_symbols(sample: Sample, prices: Mapping4, taken: set[int]) -> set[int]:
    """Columns that a label row gives to another symbol than the prices'."""
    for row in sample.labels:
        words = {row[column] for column in prices}
        if len(words) == 1 and "" not in words:
            others = {row[i] for i in range(sample.width) if sample.role(i) in PRICES} - words
            taken = taken | {i for i, word in enumerate(row) if word in others}
    return taken


def _check_rivals(
    sample: Sample,
    prices: Mapping4,
    candidates: dict[str, list[int]],
    fixed: dict[str, int],
    filename: str,
) -> None:
    found = rivals(sample, prices, candidates)
    if found is None or found[0] in fixed:
        return
    role, first, second = found
    raise AmbiguousFileError(
        f"expected one column for {role}, found two that differ: "
        f"{sample.title(first)} (column {first}) and {sample.title(second)} (column {second})",
        hint="write into overrides.toml which one is meant, the first column being 0:\n"
        + override_text(filename, columns={role: first}),
        where=filename,
    )


def _no_prices(
    sample: Sample,
    candidates: dict[str, list[int]],
    stamp: StampColumn,
    banned: set[int],
    descending: bool,
    filename: str,
) -> UnrecognisedFileError:
    missing = [role for role in PRICES if not candidates[role]]
    if missing:
        found = f"no {', '.join(missing)} among {_titles(sample)}"
    else:
        columns = tuple(candidates[role][0] for role in PRICES)
        shares = fit(sample, columns)
        found = (
            f"that open lies between low and high on {shares[0]:.0%} and close on "
            f"{shares[1]:.0%} of the rows, with {_shown(sample, columns)}"
        )
    nameless = Sample(("",) * sample.width, (), sample.columns, sample.head, sample.decimal)
    better = guess(nameless, banned, descending)
    if better is not None:
        template: dict[str, str | int] = {
            "timestamp": stamp.index,
            **dict(zip(PRICES, better, strict=True)),
        }
        advice = "if these are the columns by their numbers, write into overrides.toml"
    else:
        template = _template(sample.width)
        advice = "if it holds bars, name the columns in overrides.toml by header name or position"
    return UnrecognisedFileError(
        f"expected columns of open, high, low and close, found {found}",
        hint=f"{advice}:\n" + override_text(filename, columns=template),
        where=filename,
    )

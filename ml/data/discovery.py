"""Finding the raw files, and which series each belongs to."""

import difflib
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.errors import NoDataError, SeriesNameError, TickerflowError
from ml.outcomes import Failure
from ml.series import Interval, SeriesKey, check_ticker, parse_raw_name

_EXPECTED = "{ticker}_{interval}.csv or {ticker}_{interval}_anything.csv, such as AAPL_1d.csv"


@dataclass(frozen=True, slots=True)
class RawSeries:
    """The raw files of one series, by name: where rows of two files conflict, the later file stays."""

    key: SeriesKey
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file, or a series asked for, that takes no part."""

    path: Path
    failure: Failure


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a raw folder holds, in order of ticker and interval."""

    series: tuple[RawSeries, ...]
    problems: tuple[Problem, ...]


def discover(raw_dir: Path, tickers: Sequence[str] = (), intervals: Sequence[str] = ()) -> Discovery:
    """Group the CSV files of ``raw_dir`` (not of its subfolders; hidden files aside) into series.

    ``tickers`` and ``intervals`` narrow the series down; none means all. What cannot take part is a
    `Problem` and stops nobody else: a file whose name says no series (reported only when nothing
    narrows the search), series that differ only in case, which are one file on macOS and Windows, and
    a ticker or interval that was asked for and is not there.

    Raises:
        NoDataError: there is no such folder, no CSV file in it, or nothing of what was asked for.
        SeriesNameError: one of ``tickers`` or ``intervals`` cannot be one.
    """
    wanted_intervals = {Interval.parse(text) for text in intervals}
    wanted_tickers = {check_ticker(ticker) for ticker in tickers}
    files = _csv_files(raw_dir)

    problems: list[Problem] = []
    by_key: dict[SeriesKey, list[Path]] = defaultdict(list)
    for path in files:
        try:
            by_key[_key_of(path)].append(path)
        except SeriesNameError as error:
            if not (tickers or intervals):
                problems.append(Problem(path, Failure.of(error)))

    asked = {
        key: tuple(paths)
        for key, paths in sorted(by_key.items())
        if (not wanted_tickers or key.ticker in wanted_tickers)
        and (not wanted_intervals or key.interval in wanted_intervals)
    }
    if not asked and not problems:
        raise _nothing_asked_for(raw_dir, list(by_key), tickers, intervals)
    problems += _missing(raw_dir, list(by_key), list(asked), tickers, intervals)

    twins = _case_twins(by_key)
    problems += [
        Problem(path, _twin_failure(path, twins[key]))
        for key in asked
        if key in twins
        for path in asked[key]
    ]
    series = tuple(RawSeries(key, paths) for key, paths in asked.items() if key not in twins)
    return Discovery(series, tuple(problems))


def _csv_files(raw_dir: Path) -> list[Path]:
    hint = (
        f"put CSV files there, named {_EXPECTED}, or choose another folder with --raw-dir; "
        "the default folder is the repository's: run from there"
    )
    place = str(raw_dir.absolute())
    try:
        names = sorted(entry.name for entry in os.scandir(raw_dir))
    except FileNotFoundError as error:
        raise NoDataError(f"expected a folder of CSV files, found none at {place}", hint=hint) from error
    except NotADirectoryError as error:
        raise NoDataError(
            f"expected a folder of CSV files, found a file at {place}", hint=hint
        ) from error
    except OSError as error:
        raise NoDataError(
            f"expected a readable folder, found {place}: {error.strerror}", hint=hint
        ) from error
    # Hidden files are other programs' (._AAPL_1d.csv, .~lock); `..` is a name that wants a word.
    hidden = [name for name in names if name.startswith(".") and not name.startswith("..")]
    found = [name for name in names if name.lower().endswith(".csv") and name not in hidden]
    if not found:
        others = f"{len(names)} other file{'s'[: len(names) != 1]}" if names else "nothing"
        raise NoDataError(f"expected CSV files in {place}, found {others}", hint=hint)
    return [raw_dir / name for name in found]


def _key_of(path: Path) -> SeriesKey:
    # A line break or a byte that is no UTF-8 in a name would spoil every report that quotes the name.
    if not path.name.isprintable():
        raise SeriesNameError(
            f"expected a name of printable characters, found {path.name!r}",
            hint=f"name the file {_EXPECTED}",
            where=ascii(path.name),
        )
    try:
        return parse_raw_name(path.name)
    except SeriesNameError as error:
        raise SeriesNameError(error.message, hint=error.hint, where=path.name) from error


def _missing(
    raw_dir: Path,
    present: Sequence[SeriesKey],
    asked: Sequence[SeriesKey],
    tickers: Sequence[str],
    intervals: Sequence[str],
) -> list[Problem]:
    """Each ticker and each interval that was asked for without any series to show for it."""
    found_tickers = {key.ticker for key in asked}
    found_intervals = {str(key.interval) for key in asked}
    errors: list[TickerflowError] = [
        _nothing_asked_for(raw_dir, present, [ticker], intervals)
        for ticker in dict.fromkeys(tickers)
        if ticker not in found_tickers
    ]
    errors += [
        _nothing_asked_for(raw_dir, present, tickers, [interval])
        for interval in dict.fromkeys(intervals)
        if interval not in found_intervals
    ]
    return [Problem(raw_dir, Failure.of(error)) for error in errors]


def _nothing_asked_for(
    raw_dir: Path, present: Sequence[SeriesKey], tickers: Sequence[str], intervals: Sequence[str]
) -> NoDataError:
    wanted = " ".join([*tickers, *intervals])
    near = [str(key) for key in sorted(present) if key.ticker in tickers]
    if not near:
        by_lower = {key.ticker.lower(): key for key in sorted(present, reverse=True)}
        lower = [ticker.lower() for ticker in tickers]
        matches = [match for text in lower for match in difflib.get_close_matches(text, by_lower)]
        near = [str(by_lower[match]) for match in dict.fromkeys(matches)]
    if not near:
        near = [str(key) for key in sorted(present)[:5]] + (["..."] if len(present) > 5 else [])
    return NoDataError(
        f"expected a series {wanted} in {raw_dir.absolute()}, found none",
        hint=f"there is {', '.join(near)}" if near else f"name its file {_EXPECTED}",
        where=wanted,
    )


def _case_twins(by_key: dict[SeriesKey, list[Path]]) -> dict[SeriesKey, list[str]]:
    """Series whose names differ only in case, each with the files of all of them."""
    folded: dict[str, list[SeriesKey]] = defaultdict(list)
    for key in sorted(by_key):
        folded[key.stem.casefold()].append(key)
    groups = [keys for keys in folded.values() if len(keys) > 1]
    return {
        key: [path.name for twin in keys for path in by_key[twin]] for keys in groups for key in keys
    }


def _twin_failure(path: Path, names: list[str]) -> Failure:
    return Failure.of(
        SeriesNameError(
            f"expected series whose names differ in more than case, found {', '.join(names)}",
            hint="rename one of them: their models and forecasts would be one file on macOS and Windows",
            where=path.name,
        )
    )

"""Several symbols in one file: which rows, or columns, are the ones asked for."""

import re

from ml.data.reading.dates import is_clock, is_written_date
from ml.data.reading.names import normalise
from ml.data.reading.numbers import is_number
from ml.data.reading.overrides import override_text
from ml.data.reading.sample import Sample
from ml.errors import SymbolError


def find_symbol(sample: Sample, banned: set[int], ticker: str) -> int | None:
    """The column of symbols, or None.

    Named ones by rank, but one in which the ticker stands comes first; without a name, a column of
    several short words one of which is the ticker.
    """
    named = []
    for column in range(sample.width):
        meaning = sample.meaning(column)
        is_named = meaning is not None and meaning.role == "symbol"
        if column in banned or not (is_named or not sample.names[column]):
            continue
        # NA and NULL are tickers here, not missing values.
        values = {cell for cell in sample.columns[column] if cell}
        if not is_named and (len(values) < 2 or not _are_words(values)):
            continue
        matches = any(same_symbol(value, ticker) for value in values)
        if meaning is not None and is_named and values:
            named.append((not matches, meaning.rank, column))
        elif matches:
            named.append((False, 100, column))
    return min(named)[2] if named else None


def _are_words(values: set[str]) -> bool:
    return not any(is_number(v) or is_written_date(v) or is_clock(v) for v in values)


def _bare(symbol: str) -> str:
    bare = re.sub(r"[^0-9A-Z]", "", symbol.upper())
    return bare.lstrip("0") if bare.isdigit() and bare.strip("0") else bare


def _stem(symbol: str) -> str:
    """Without exchange: ``603186.SH``, ``NASDAQ:AAPL``, ``AAPL US``, ``EURUSD=X``."""
    text = symbol.upper().strip().rpartition(":")[2]
    return _bare(re.split(r"[.=\s]", text, maxsplit=1)[0] or text)


def same_symbol(first: str, second: str) -> bool:
    """Whether two spellings are one symbol, punctuation and leading zeros aside."""
    return bool(_bare(first)) and _bare(first) == _bare(second)


def names_ticker(name: str, ticker: str) -> bool:
    """Whether a column's name has the ticker as its first or last words: ``Close_BRK-B``."""
    words, symbol = normalise(name).split(), normalise(ticker).split()
    count = len(symbol)
    return 0 < count < len(words) and symbol in (words[:count], words[-count:])


def choose_symbol(symbols: list[str], ticker: str, filename: str) -> tuple[str | None, str]:
    """The symbol whose rows are the series', or None for all rows; and a warning or nothing.

    Raises `SymbolError` if there are several and none, or more than one, is the ticker.
    """
    exact = [symbol for symbol in symbols if symbol == ticker] or [
        s for s in symbols if same_symbol(s, ticker)
    ]
    if len(exact) == 1:
        return (exact[0] if len(symbols) > 1 else None), ""
    if len(symbols) <= 1:
        same = not symbols or _stem(symbols[0]) == _stem(ticker)
        return None, "" if same else f"the file's symbol is {symbols[0]!r}"
    # One of the two spellings without its exchange; BRK.A is not BRK.B.
    alike = [
        s for s in symbols if _stem(s) == _stem(ticker) and _stem(ticker) in (_bare(s), _bare(ticker))
    ]
    if len(alike) == 1:
        return alike[0], ""
    listed = ", ".join(symbols[:8]) + (f" and {len(symbols) - 8} more" if len(symbols) > 8 else "")
    raise SymbolError(
        f"expected one symbol, or {ticker} among several, found {listed}",
        hint="name the file after one of them, or write into overrides.toml which one is meant:\n"
        + override_text(filename, symbol=symbols[0]),
        where=filename,
    )

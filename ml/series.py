"""What a series is called: (ticker, interval), and how that becomes a file name.

Tickers hold almost anything (``BRK.B``, ``EURUSD=X``, ``^GSPC``, ``BTC/USD``, ``0700.HK``, ``NA``), and
file systems do not: the encoding here is injective, safe on every platform and readable for the
tickers people have. Names are built by concatenation, never with ``Path.with_suffix``, which would
turn ``lstm_BRK.B_1d`` into ``lstm_BRK``.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, total_ordering
from typing import Literal
from urllib.parse import unquote_to_bytes

from ml.errors import SeriesNameError

Unit = Literal["m", "h", "d", "wk", "mo"]

# ASCII only: \d would admit other scripts' digits, and fullmatch refuses a trailing newline.
_INTERVAL = re.compile(r"([1-9][0-9]{0,4})(m|h|d|wk|mo)")
# `_` separates the name's parts but is split from the right, so a ticker may hold it.
_PLAIN = re.compile(r"[A-Za-z0-9.\-=^_+,@$&()~!]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])\.")
_MAX_TICKER = 64

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "wk": 604_800, "mo": 2_629_746}


@total_ordering
@dataclass(frozen=True, slots=True)
class Interval:
    """The spacing of bars: a positive count of minutes, hours, days, weeks or months."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Read ``1m 15m 1h 4h 1d 1wk 1mo``; raise `SeriesNameError` for anything else."""
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise SeriesNameError(
                f"expected an interval such as 1m, 15m, 1h, 1d, 1wk or 1mo, found {text!r}",
                hint="a month is 'mo': 1M and 1m are one file name on macOS and Windows",
            )
        return cls(int(match[1]), match[2])  # type: ignore[arg-type]  # the pattern admits units only

    @property
    def is_intraday(self) -> bool:
        """Whether several bars share a session (minutes and hours)."""
        return self.unit in ("m", "h")

    @property
    def delta(self) -> timedelta:
        """Nominal length; for a month the mean Gregorian one."""
        return timedelta(seconds=self.count * _SECONDS[self.unit])

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Interval):
            return NotImplemented
        return (self.delta, str(self)) < (other.delta, str(other))


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """One series: a ticker and an interval."""

    ticker: str
    interval: Interval

    @classmethod
    def of(cls, ticker: str, interval: "str | Interval") -> "SeriesKey":
        """Build a checked key; raise `SeriesNameError` for what cannot be a ticker or interval."""
        if not isinstance(interval, Interval):
            interval = Interval.parse(interval)
        return cls(check_ticker(ticker), interval)

    @property
    def stem(self) -> str:
        """``{ticker}_{interval}`` as it stands in file names."""
        return f"{encode_ticker(self.ticker)}_{self.interval}"

    @classmethod
    def from_stem(cls, stem: str) -> "SeriesKey":
        """Read what `stem` wrote; raise `SeriesNameError` where it did not."""
        ticker, _, interval = stem.rpartition("_")
        return cls.of(decode_ticker(ticker), interval)

    def __str__(self) -> str:
        return f"{self.ticker} {self.interval}"


def check_ticker(ticker: str) -> str:
    """Return the ticker, or raise `SeriesNameError` for what cannot be one.

    Path parts, control characters and characters outside ASCII are refused: a Cyrillic ``А`` is not
    a Latin ``A``, and nobody sees the difference.
    """
    problem = ""
    if not ticker or len(ticker) > _MAX_TICKER:
        problem = f"1 to {_MAX_TICKER} characters"
    elif not all("!" <= character <= "~" for character in ticker):
        problem = "printable ASCII characters without blanks"
    elif ".." in ticker or ticker.startswith(("/", ".", "~")) or "\\" in ticker:
        problem = "no path in it"
    if problem:
        raise SeriesNameError(
            f"expected a ticker with {problem}, found {ticker!r}",
            hint="write the exchange's symbol, such as AAPL, BRK.B or BTC/USD",
        )
    return ticker


@lru_cache(maxsize=8192)
def encode_ticker(ticker: str) -> str:
    """Percent-encode a ticker for a file name: injective, and the identity for most tickers.

    ``BTC/USD`` becomes ``BTC%2FUSD``; ``CON.X`` becomes ``CON%2EX``, for Windows reserves ``CON.*``.
    """
    encoded = "".join(
        character if _PLAIN.fullmatch(character) else f"%{ord(character):02X}"
        for character in check_ticker(ticker)
    )
    return _RESERVED.sub(r"\1%2E", encoded, count=1) if _RESERVED.match(encoded) else encoded


def decode_ticker(encoded: str) -> str:
    """Undo `encode_ticker`; raise `SeriesNameError` for what is no ticker once decoded."""
    try:
        return check_ticker(unquote_to_bytes(encoded).decode("ascii"))
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise SeriesNameError(f"expected an ASCII ticker, found {encoded!r}") from error


def parse_raw_name(name: str) -> SeriesKey:
    """Read ``{ticker}_{interval}.csv`` or ``{ticker}_{interval}_*.csv``, split from the right.

    Raises `SeriesNameError` with the names that are expected.
    """
    hint = "name the file {ticker}_{interval}.csv or {ticker}_{interval}_anything.csv, as AAPL_1d_x.csv"
    if not name.lower().endswith(".csv"):
        raise SeriesNameError(f"expected a .csv file, found {name!r}", hint=hint)
    parts = name[: -len(".csv")].split("_")
    for index in range(len(parts) - 1, 0, -1):
        if _INTERVAL.fullmatch(parts[index]):
            return SeriesKey.of(decode_ticker("_".join(parts[:index])), parts[index])
    raise SeriesNameError(
        f"expected a name with a ticker and an interval, found {name!r}", hint=hint, where=name
    )

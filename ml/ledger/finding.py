"""Which series there are forecasts of."""

from collections.abc import Sequence

from ml.config import Settings
from ml.errors import NoDataError
from ml.ledger.database import reading
from ml.ledger.pairs import find_series
from ml.outcomes import Failure
from ml.series import Interval, SeriesKey, check_ticker


def find_forecast(
    settings: Settings, tickers: Sequence[str], intervals: Sequence[str]
) -> tuple[list[SeriesKey], list[Failure]]:
    """The series that are asked for and were ever forecast, and a failure for each ticker without one.

    Series whose files are gone are among them, where the ledger has them.

    Raises:
        NoDataError: nothing at all was forecast, or nothing of what was asked for.
        SeriesNameError: one of ``tickers`` or ``intervals`` cannot be one.
        LedgerError: the ledger could not be read.
    """
    wanted_tickers = {check_ticker(ticker) for ticker in tickers}
    wanted_intervals = {Interval.parse(interval) for interval in intervals}
    everything = find_series(settings.predictions_dir) | _in_ledger(settings)
    found = sorted(
        key
        for key in everything
        if (not wanted_tickers or key.ticker in wanted_tickers)
        and (not wanted_intervals or key.interval in wanted_intervals)
    )
    if not found:
        there = ", ".join(str(key) for key in sorted(everything)[:5])
        wanted = " ".join([*tickers, *intervals])
        raise NoDataError(
            f"expected forecasts{f' of {wanted}' if wanted else ''} in "
            f"{settings.predictions_dir.absolute()}, found none",
            hint=f"there are those of {there}" if there else "forecast first: tickerflow forecast",
            where=wanted,
        )
    missing = wanted_tickers - {key.ticker for key in found}
    return found, [Failure.of(_never_forecast(ticker)) for ticker in sorted(missing)]


def _in_ledger(settings: Settings) -> set[SeriesKey]:
    with reading(settings.predictions_dir) as connection:
        if connection is None:
            return set()
        rows = connection.execute("SELECT DISTINCT series FROM forecast").fetchall()
        return {SeriesKey.from_stem(stem) for (stem,) in rows}


def _never_forecast(ticker: str) -> NoDataError:
    return NoDataError(
        f"expected a forecast of {ticker}, found none",
        hint=f"forecast it first: tickerflow forecast --ticker {ticker}",
        where=ticker,
    )

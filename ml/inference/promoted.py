"""Which promoted series a forecast is asked for."""

from collections.abc import Sequence

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.errors import NoDataError, NotPromotedError, TickerflowError
from ml.outcomes import Failure
from ml.series import Interval, SeriesKey, check_ticker


def find_promoted(
    settings: Settings, tickers: Sequence[str], intervals: Sequence[str]
) -> tuple[list[SeriesKey], list[Failure]]:
    """The promoted series that are asked for, and a failure for each ticker that has none.

    Raises:
        NoDataError: nothing at all is promoted, or nothing of what was asked for.
        SeriesNameError: one of ``tickers`` or ``intervals`` cannot be one.
    """
    wanted_tickers = {check_ticker(ticker) for ticker in tickers}
    wanted_intervals = {Interval.parse(interval) for interval in intervals}
    everything = sorted(ModelStore(settings.models_dir).series())
    found = [
        key
        for key in everything
        if (not wanted_tickers or key.ticker in wanted_tickers)
        and (not wanted_intervals or key.interval in wanted_intervals)
    ]
    if not found:
        raise _nothing(settings, everything, tickers, intervals)
    missing = wanted_tickers - {key.ticker for key in found}
    return found, [Failure.of(_not_promoted(ticker)) for ticker in sorted(missing)]


def _not_promoted(ticker: str) -> TickerflowError:
    return NotPromotedError(
        f"expected a promoted model of {ticker}, found none",
        hint=f"train it first: tickerflow train --ticker {ticker}",
        where=ticker,
    )


def _nothing(
    settings: Settings, everything: Sequence[SeriesKey], tickers: Sequence[str], intervals: Sequence[str]
) -> TickerflowError:
    wanted = " ".join([*tickers, *intervals])
    what = f"a promoted model of {wanted}" if wanted else "promoted models"
    there = ", ".join(str(key) for key in everything[:5]) + (" ..." if len(everything) > 5 else "")
    return NoDataError(
        f"expected {what} in {settings.models_dir.absolute()}, found none",
        hint=f"there is {there}" if everything else "train first: tickerflow train",
        where=wanted,
    )

"""How a series is named in a URL: what OpenAPI says of it. `SeriesKey.of` judges it."""

from typing import Annotated, Any, Final

from fastapi import Path, Query

TICKER: Final[dict[str, Any]] = {
    # Printable ASCII without blanks and backslashes; no path in it.
    "pattern": r"^[!-\-0-\[\]-}][!-\-/-\[\]-~]*(\.[!-\-/-\[\]-~]+)*\.?$",
    "minLength": 1,
    "maxLength": 64,
}
INTERVAL: Final[dict[str, Any]] = {"pattern": "^[1-9][0-9]{0,4}(m|h|d|wk|mo)$"}
_ABOUT: Final = "Such as 1h or 1d"

Ticker = Annotated[
    str,
    Query(
        description="As in the raw file's name, such as AAPL or BTC/USD",
        examples=["AAPL"],
        json_schema_extra=TICKER,
    ),
]
BarInterval = Annotated[str, Query(description=_ABOUT, examples=["1d"], json_schema_extra=INTERVAL)]
TickerInPath = Annotated[
    str,
    Path(
        description="Such as AAPL or BTC/USD, with or without %2F",
        examples=["AAPL", "BTC/USD"],
        json_schema_extra=TICKER,
    ),
]
IntervalInPath = Annotated[str, Path(description=_ABOUT, examples=["1d"], json_schema_extra=INTERVAL)]

"""The adjusted closes that vendors put beside the raw ones: they tell a known split from an error."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ml.config import IngestConfig
from ml.data.reading import Override, Reading, read_lines, read_raw
from ml.errors import TickerflowError
from ml.series import SeriesKey


def adjusted_closes(
    paths: Sequence[Path],
    readings: Sequence[Reading],
    overrides: Sequence[Override | None],
    key: SeriesKey,
    config: IngestConfig,
) -> pd.Series:
    """Adjusted closes by timestamp, of the files that have them; where stamps repeat, the last."""
    found = [pd.Series(dtype="float64", index=pd.DatetimeIndex([], tz="UTC"))]
    for path, reading, override in zip(paths, readings, overrides, strict=True):
        column = _adjusted_column(path, reading)
        if column is None:
            continue
        as_close = (override or Override.model_validate({})).model_copy(
            update={"columns": {**reading.columns, "close": column}}
        )
        try:
            frame = read_raw(path, key, config, as_close).frame
        except TickerflowError:  # a column of that name that holds no prices: nothing is known of splits
            continue
        frame = frame[frame["timestamp"].notna()]
        found.append(frame.set_index("timestamp")["close"])
    closes = pd.concat(found)
    last: pd.Series = closes[~closes.index.duplicated(keep="last")]
    return last


def _adjusted_column(path: Path, reading: Reading) -> int | None:
    """Position of the adjusted close in the header, if it is there and not the close that was read."""
    for text in read_lines(path, reading, reading.header_lines).values():
        cells = next(csv.reader([text], delimiter=reading.delimiter, skipinitialspace=True), [])
        for position, cell in enumerate(cells):
            words = cell.casefold()
            if (
                "adj" in words
                and ("close" in words or "last" in words)
                and position != reading.columns["close"]
            ):
                return position
    return None

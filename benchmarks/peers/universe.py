"""Which series take part: spread evenly over a folder, as Tickerflow itself reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.peers.windows import Floats
from ml.config import Settings
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.data.store import read_bars

_LEAST_BARS = 500  # so that every contender has windows to train, to validate and to be judged on

Item = TypeVar("Item")


def load_closes(raw_dir: Path, store_dir: Path, interval: str, count: int) -> dict[str, Floats]:
    """Closes of ``count`` series (0: all) of at least 500 bars, by the stem of their files.

    Raises NoDataError where the folder has none of that interval, ValueError where too few are long
    enough.
    """
    settings = Settings(raw_dir=raw_dir, store_dir=store_dir)
    found = discover(raw_dir, intervals=[interval]).series
    outcomes = [(raw.key, ingest_series(raw, settings)) for raw in found]
    long = [key for key, outcome in outcomes if outcome.status == "ok" and outcome.rows >= _LEAST_BARS]
    if len(long) < max(count, 1):
        raise ValueError(
            f"expected {max(count, 1)} series of {interval} and {_LEAST_BARS} bars in {raw_dir}, "
            f"found {len(long)}"
        )
    return {
        key.stem: read_bars(store_dir, key)["close"].to_numpy(dtype=np.float64)
        for key in spread(long, count)
    }


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """``count`` items at even distances, the first among them; all for 0."""
    if not count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]

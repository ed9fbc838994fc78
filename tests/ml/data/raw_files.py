"""Raw files of a series, and ways to ingest them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml.config import IngestConfig, Settings
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import stage_series, validate_series
from ml.outcomes import IngestOutcome

HEADER = "Date,Open,High,Low,Close,Volume"
# Loading an exchange's calendar takes a while, and most tests do not need one.
CONFIG = IngestConfig(calendar="weekdays")
Ingest = Callable[[RawSeries, Settings], IngestOutcome]


def in_two_steps(raw: RawSeries, settings: Settings) -> IngestOutcome:
    return validate_series(stage_series(raw, settings), settings)


def rows(n: int = 30, start: str = "2024-01-01", seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    days = pd.bdate_range(start, periods=n)
    return [
        f"{day:%Y-%m-%d},{c:.2f},{c + 1:.2f},{c - 1:.2f},{c:.2f},{1000 + i}"
        for i, (day, c) in enumerate(zip(days, close, strict=True))
    ]


def put(settings: Settings, name: str, lines: list[str], header: str = HEADER) -> Path:
    path = settings.raw_dir / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def only(settings: Settings) -> RawSeries:
    (raw,) = discover(settings.raw_dir).series
    return raw


def stored(settings: Settings) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(settings.store_dir.glob("*")) if path.is_file()
    }

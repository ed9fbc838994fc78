"""A small folder in which everything has happened that pages tell of.

BTC/USD 1d has two versions, past forecasts and their scores; AAPL 1d a raw file with gaps and rows that
are no bars; EURUSD 1h only a raw file; NOISE 1d a file that is none.
"""

from pathlib import Path

import pandas as pd

from ml.config import Settings
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.evaluation.promotion import promote_series
from ml.inference.service import ForecastService
from ml.inference.writing import forecast_series
from ml.ledger.pairs import find_pairs
from ml.ledger.scoring import score_series
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

BITCOIN = SeriesKey.of("BTC/USD", "1d")
APPLE = SeriesKey.of("AAPL", "1d")
EURO = SeriesKey.of("EURUSD", "1h")
PAST = 8  # forecasts of BTC/USD that have been made
_BARS = 420


def tell(folder: Path) -> Settings:
    """Make it all happen under a folder; the settings of it."""
    settings = quick_settings(folder)
    settings.raw_dir.mkdir(parents=True)
    _bitcoin(settings)
    _apple(settings)
    make_bars(300, seed=3, freq="h").to_csv(settings.raw_dir / "EURUSD_1h.csv", index=False)
    (settings.raw_dir / "NOISE_1d.csv").write_text("a,b\n1,2\n")
    for raw in discover(settings.raw_dir, ["NOISE"]).series:
        ingest_series(raw, settings)
    return settings


def promote(settings: Settings, key: SeriesKey, seed: int) -> str:
    """Train a version on the bars in the store and promote it, whatever it is worth; its name."""
    own = settings.model_copy(
        update={
            "train": settings.train.model_copy(update={"seed": seed}),
            "promote": settings.promote.model_copy(update={"force": True}),
        }
    )
    outcome = promote_series(train_series(key, own), own)
    assert outcome.version, outcome
    return outcome.version


def _bitcoin(settings: Settings) -> None:
    bars = make_bars(_BARS, freq="D")
    store_bars(settings, BITCOIN, bars[: _BARS - PAST])
    promote(settings, BITCOIN, 1)
    promote(settings, BITCOIN, 2)
    service = ForecastService.of(settings)
    for known in range(_BARS - PAST, _BARS):
        store_bars(settings, BITCOIN, bars[:known])
        outcome = forecast_series(BITCOIN, settings, 4, service)
        assert outcome.failure is None, outcome
    store_bars(settings, BITCOIN, bars)
    score_series(BITCOIN, settings, bars, find_pairs(settings.predictions_dir, [BITCOIN])[BITCOIN])


def _apple(settings: Settings) -> None:
    bars = make_bars(380, seed=2)
    bars = bars.drop(index=range(200, 205))  # a week that the vendor left out
    text = bars.to_csv(index=False).splitlines()
    spoilt = text[50].split(",")
    spoilt[2] = "0.01"  # a high below the low
    text[50] = ",".join(spoilt)
    (settings.raw_dir / "AAPL_1d.csv").write_text("\n".join(text) + "\n")
    ingest(settings, APPLE)
    promote(settings, APPLE, 1)


def ingest(settings: Settings, key: SeriesKey) -> None:
    """Read the raw file of a series into the store."""
    (raw,) = discover(settings.raw_dir, [key.ticker]).series
    outcome = ingest_series(raw, settings)
    assert outcome.failure is None, outcome


def add_bars(settings: Settings, key: SeriesKey, bars: pd.DataFrame) -> None:
    """Put a raw file of bars where a user would."""
    settings.raw_dir.mkdir(parents=True, exist_ok=True)
    bars.to_csv(settings.raw_dir / f"{key.stem}.csv", index=False)

"""Forecasts of Tickerflow's promoted champions on the held-out windows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.peers.exchange import Series, write_champion
from benchmarks.peers.windows import Floats
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.store import read_bars
from ml.forecasting.forecaster import Forecaster
from ml.series import SeriesKey


def closes(forecaster: Forecaster, bars: pd.DataFrame, series: Series) -> Floats:
    """Forecast closes ``(anchors, horizon)``.

    Raises RuntimeError where the bars are not those that all others forecast.
    """
    close = bars["close"].to_numpy(dtype=np.float64)
    if not np.array_equal(close, series.close):
        raise RuntimeError(f"{series.name}: expected the same closes as the peers have, found others")
    changes = forecaster.changes(bars, series.anchors)
    return np.asarray(series.close[series.anchors, None] * np.exp(changes))


def write_champions(folder: Path, settings: Settings, series: Sequence[Series]) -> None:
    """Write what each series' champion forecasts, and which model it is."""
    store = ModelStore(settings.models_dir)
    forecasts, models = {}, {}
    for one in series:
        key = SeriesKey.from_stem(one.name)
        forecaster = forecaster_of(store.champion(key))
        forecasts[one.name] = closes(forecaster, read_bars(settings.store_dir, key), one)
        models[one.name] = forecaster.spec.model
    write_champion(folder, forecasts, models)

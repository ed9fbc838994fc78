"""Forecasts of what is promoted, from Python.

>>> service = ForecastService("saved_models", "data-pipelines/feature_stores/data/raw")
>>> service.forecast("AAPL", "1d", n_steps=100)
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ml.artifacts.meta import Meta
from ml.config import Settings
from ml.errors import ArtifactError, FeatureError, TooFewBarsError
from ml.evaluation.intervals import Fan, fan
from ml.forecasting.forecaster import check_steps
from ml.inference.champions import Champion, Champions
from ml.inference.history import check_history
from ml.inference.sources import BarSource, SeriesBars
from ml.series import SeriesKey

FORECAST_COLUMNS: Final = (
    "step",
    "timestamp",
    "forecast",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
)


@dataclass(frozen=True, eq=False, slots=True)
class Basis:
    """What a forecast is made from: one version of the model, and the bars up to the last one."""

    champion: Champion
    series: SeriesBars

    @property
    def identity(self) -> tuple[str, str]:
        """The same where both are: the digests of the version's meta.json and of the bars."""
        return self.champion.meta.digests.meta, self.series.fingerprint


@dataclass(frozen=True, eq=False)
class Prediction:
    """A forecast, and what it was made from; ``future`` are the stamps (UTC) of the bars to come."""

    fan: Fan
    future: pd.DatetimeIndex
    series: SeriesBars
    meta: Meta

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The forecast as a frame of `FORECAST_COLUMNS`; who needs none does not wait for it."""
        fan, steps = self.fan, np.arange(1, len(self.future) + 1)
        columns = (steps, self.future, fan.point, fan.lower_80, fan.upper_80, fan.lower_95, fan.upper_95)
        return pd.DataFrame(dict(zip(FORECAST_COLUMNS, columns, strict=True)))


class ForecastService:
    """Forecasts any promoted series; one object serves any number of threads.

    Models and bars are kept in memory. Every call looks whether a model was promoted, or a raw file
    changed, since the last one.

    Args:
        models_dir: folder of promoted models.
        raw_dir: folder of raw CSVs.
        store_dir: folder of normalised bars; by default that of the settings.
        settings: how raw files are read, and which calendar; by default from environment and file. The
            folders given here come before its own.
    """

    def __init__(
        self,
        models_dir: str | Path,
        raw_dir: str | Path,
        store_dir: str | Path | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        folders = {"models_dir": Path(models_dir), "raw_dir": Path(raw_dir)}
        if store_dir is not None:
            folders["store_dir"] = Path(store_dir)
        self.settings = (settings or Settings()).model_copy(update=folders)
        self._champions = Champions(self.settings.models_dir)
        self._source = BarSource(self.settings)

    @classmethod
    def of(cls, settings: Settings) -> "ForecastService":
        """A service over the folders of the settings."""
        return cls(settings.models_dir, settings.raw_dir, settings.store_dir, settings=settings)

    def forecast(
        self, ticker: str, interval: str, n_steps: int, history: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Forecast the bars after the last one, with the promoted model of the series.

        Args:
            ticker: as in the raw file's name.
            interval: such as ``1h`` or ``1d``.
            n_steps: 1 to 500.
            history: normalised bars to forecast from: ``timestamp`` (aware of its zone, ascending),
                ``open, high, low, close, volume``. By default the series' own.

        Returns:
            ``n_steps`` rows: ``step`` (from 1), ``timestamp`` (UTC; real future bars of the series'
            calendar), ``forecast`` and ``lower_80, upper_80, lower_95, upper_95`` in price units.

        Raises:
            UsageError: ``n_steps`` out of bounds, or ``history`` is no frame of normalised bars.
            SeriesNameError: not a ticker or interval.
            NotPromotedError: the series has no promoted model.
            NoDataError: no history is given, and the series has no bars.
            TooFewBarsError: fewer bars than the model needs; says how many.
            FeatureError: the bars lack a column that the model's features need; names it.
            ArtifactError: the saved model is damaged.
        """
        return self.predict(SeriesKey.of(ticker, interval), n_steps, history).frame

    def bars(self, key: SeriesKey) -> SeriesBars:
        """The series' own bars, brought up to date with its raw files.

        Raises:
            NoDataError: neither raw files nor stored bars.
            TickerflowError: what ingest says of files that it rejects.
        """
        return self._source.load(key)

    def predict(self, key: SeriesKey, n_steps: int, history: pd.DataFrame | None = None) -> Prediction:
        """Forecast as `forecast` does, and say what the forecast was made from."""
        steps = check_steps(n_steps)
        if history is None:
            return forecast_from(self.basis(key), steps)
        bars = check_history(history)
        champion = self._champions.load(key)
        series = SeriesBars.of(key, bars, self.settings.ingest.calendar)
        return forecast_from(Basis(champion, series), steps)

    def basis(self, key: SeriesKey) -> Basis:
        """What serves a series now, and its bars now; raises what `forecast` does.

        Where nothing was promoted and no file changed this takes half a millisecond, so that a caller
        can tell whether a forecast of before still holds.
        """
        return Basis(self._champions.load(key), self._source.load(key))


def forecast_from(basis: Basis, n_steps: int) -> Prediction:
    """Forecast 1 to 500 steps from what `ForecastService.basis` returned; errors as `forecast`."""
    series, meta = basis.series, basis.champion.meta
    key, steps = series.key, check_steps(n_steps)
    future = series.future(steps)
    try:
        made = fan(basis.champion.forecaster, series.bars, steps, future)
    except FeatureError as error:
        raise FeatureError(
            f"{meta.model} {meta.version} cannot forecast: {error.message}",
            hint="bring the column back, or train the series again",
            where=str(key),
        ) from error
    except TooFewBarsError as error:
        raise TooFewBarsError(error.message, hint=error.hint, where=str(key)) from error
    if not all(np.isfinite(values).all() for values in vars(made).values()):
        raise ArtifactError(
            "expected a forecast of finite prices, found one that is not",
            hint="train the series again, or go back with `tickerflow models rollback`",
            where=str(key),
        )
    return Prediction(made, future, series, meta)

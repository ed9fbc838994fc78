from pathlib import Path

import numpy as np
import pytest

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.evaluation.intervals import bands
from ml.evaluation.promotion import promote_series
from ml.forecasting.spec import AdaptiveConformal
from ml.inference.service import ForecastService
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

KEY = SeriesKey.of("AAPL", "1d")
BARS = make_bars(500)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = quick_settings(Path(tmp_path_factory.mktemp("served")))
    store_bars(made, KEY, BARS)
    promote_series(train_series(KEY, made), made)
    return made


def test_the_bands_that_are_served_are_to_the_bit_those_that_were_judged(settings: Settings) -> None:
    """Served without the bars after it, the 460th bar has the bands that the judge gave it with them."""
    meta = ModelStore(settings.models_dir).champion(KEY).meta
    close = BARS["close"].to_numpy(dtype=np.float64)
    judged = bands(meta.intervals, close, np.arange(420, 490), 4)
    served = ForecastService.of(settings).forecast("AAPL", "1d", 4, history=BARS.iloc[:460])
    point = served["forecast"].to_numpy()
    path = np.log(point / close[459])
    for level, radius in ((80, judged.radius_80[39]), (95, judged.radius_95[39])):
        half = (np.log(served[f"upper_{level}"]) - np.log(served[f"lower_{level}"])) / 2
        assert half.to_numpy() == pytest.approx(radius, rel=1e-9)
        assert served[f"upper_{level}"].to_numpy() == pytest.approx(close[459] * np.exp(path + radius))
    alone = bands(meta.intervals, close[:460], [459], 4)
    assert alone.radius_80[0].tobytes() == judged.radius_80[39].tobytes()


def test_a_champion_s_coverage_and_widths_are_recorded(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(KEY).meta
    assert isinstance(meta.intervals, AdaptiveConformal)
    assert len(meta.intervals.ratio) == meta.horizon
    figures = {
        name: meta.metrics[name] for name in meta.metrics if name.startswith(("coverage", "plain"))
    }
    for name in ("coverage_80_calm", "coverage_80_wild", "coverage_95_calm", "coverage_95_wild"):
        share = figures[name]
        assert isinstance(share, float)
        assert 0.5 < share <= 1
    assert meta.metrics["width_80"] == pytest.approx(meta.metrics["plain_width_80"], rel=0.5)

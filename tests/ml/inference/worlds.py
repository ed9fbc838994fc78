"""Raw files and promoted models for the tests of inference: small, seeded and real."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import models
from ml.artifacts.meta import Data, Decision, Meta, Split, SplitPart, Training
from ml.artifacts.store import Bundle, ModelStore
from ml.config import Settings
from ml.features.inputs import compute_inputs, warmup_bars
from ml.features.scaling import fit_scaler
from ml.forecasting.spec import SplitConformal, Target
from ml.series import SeriesKey

AAPL = SeriesKey.of("AAPL", "1d")
FEATURES = ("close", "rsi_5", "volume")
HORIZON = 5
COLUMNS = ("open", "high", "low", "close", "volume")

_SAMPLES = Path(__file__).parents[3] / "data-pipelines" / "feature_stores" / "data" / "raw"


def settings_in(folder: Path) -> Settings:
    """Settings whose folders are all in one."""
    return Settings(
        raw_dir=folder / "raw",
        store_dir=folder / "store",
        models_dir=folder / "models",
        predictions_dir=folder / "predictions",
    )


def make_bars(count: int = 120) -> pd.DataFrame:
    """Real daily bars of Apple, up to the day before Good Friday, 2016-03-25."""
    table = pd.read_csv(_SAMPLES / "AAPL_1d_5yr.csv")
    stamps = pd.to_datetime(table["date"], utc=True).dt.as_unit("ns")
    bars = pd.DataFrame(
        {"timestamp": stamps, **{name: table[name].astype("float64") for name in COLUMNS}}
    )
    return bars[bars["timestamp"] < "2016-03-25"].tail(count).reset_index(drop=True)


def write_raw(settings: Settings, bars: pd.DataFrame, name: str = "AAPL_1d.csv") -> Path:
    """A raw file as a vendor might write it; a volume that is null throughout is left out."""
    table = bars.drop(columns="volume") if bars["volume"].isna().all() else bars
    settings.raw_dir.mkdir(parents=True, exist_ok=True)
    path = settings.raw_dir / name
    dates = table["timestamp"].dt.strftime("%Y-%m-%d")
    table.assign(timestamp=dates).rename(columns={"timestamp": "Date"}).to_csv(path, index=False)
    return path


def promote(
    settings: Settings,
    bars: pd.DataFrame,
    key: SeriesKey = AAPL,
    *,
    model: str = "lstm",
    features: tuple[str, ...] = FEATURES,
    seed: int = 1,
    skill: float = 0.012,
) -> Meta:
    """Promote a network with seeded weights; it has learnt nothing, but its output is not zero."""
    config: dict[str, int | float] = {}
    if model not in ("naive", "drift"):
        config = {"hidden_size": 8, "num_layers": 1, "dropout": 0.0}
    inputs = compute_inputs(bars, features)
    torch.manual_seed(seed)
    network = models.build(model, len(inputs.columns), HORIZON, config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.3)
    part = SplitPart(first=bars["timestamp"].iloc[0], last=bars["timestamp"].iloc[-1], windows=40)
    meta = Meta(
        ticker=key.ticker,
        interval=str(key.interval),
        created_at=datetime(2024, 4, 1, 12, 0, seed % 60, tzinfo=UTC),
        model=model,
        config=config,
        features=features,
        inputs=inputs.columns,
        seq_len=8,
        horizon=HORIZON,
        target=_target(bars),
        intervals=SplitConformal(
            radius_80=tuple(0.013 * np.sqrt(np.arange(1, HORIZON + 1))),
            radius_95=tuple(0.02 * np.sqrt(np.arange(1, HORIZON + 1))),
            windows=40,
        ),
        data=Data(
            fingerprint="0" * 64,
            rows=len(bars),
            first=bars["timestamp"].iloc[0],
            last=bars["timestamp"].iloc[-1],
        ),
        split=Split(train=part, validation=part, test=part, gap=HORIZON),
        training=Training(
            config={},
            seed=seed,
            epochs_run=1,
            best_epoch=1,
            stopped="epochs",
            seconds=0.1,
            device="cpu",
            fit_id=f"fit-{model}-{seed}",
        ),
        libraries={"torch": torch.__version__},
        metrics={"mae": 1.5, "windows": 40, "coverage_80": 0.79, "coverage_95": 0.94},
        baselines={"naive": {"mae": 1.52}, "drift": {"mae": 1.6}},
        decision=Decision(verdict="promoted", reason="a test", skill=skill),
    )
    scaler = fit_scaler("minmax", inputs.values[warmup_bars(features) :])
    store = ModelStore(settings.models_dir)
    current = store.champion_meta(key)
    return store.promote(
        Bundle(meta, network.state_dict(), scaler),
        {},
        expected_champion=None if current is None else current.version,
    )


def _target(bars: pd.DataFrame) -> Target:
    changes = np.diff(np.log(bars["close"].to_numpy(dtype=np.float64)))
    return Target(sigma=float(changes.std()), mean=float(changes.mean()), drift=0.0)

"""Forecast files as `ml.inference.writing` leaves them, made up: no model is trained for these tests."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.config import Settings
from ml.inference.writing import to_csv
from ml.ledger.pairs import PairFile, find_pairs
from ml.ledger.scoring import score_series
from ml.outcomes import ScoreOutcome
from ml.series import SeriesKey
from tests.synthetic import make_bars

AAPL = SeriesKey.of("AAPL", "1d")
VERSION = "20200101T000000Z-0000000a"
OTHER = "20200101T000000Z-0000000b"


def days(count: int = 60, *, seed: int = 1) -> pd.DataFrame:
    """Bars of every day from 2020-01-01 on: their number is their day."""
    return make_bars(count, seed=seed, freq="D")


def settings_in(folder: Path, **watch: Any) -> Settings:
    """Settings whose folders are all in one."""
    return Settings(
        raw_dir=folder / "raw",
        store_dir=folder / "store",
        models_dir=folder / "models",
        predictions_dir=folder / "predictions",
        watch=watch,
    )


def write_pair(
    settings: Settings,
    bars: pd.DataFrame,
    asof: int,
    *,
    key: SeriesKey = AAPL,
    steps: int = 3,
    factor: float | Sequence[float] = 1.0,
    width: float = 0.05,
    version: str = VERSION,
    model: str = "lstm",
    created_at: datetime | None = None,
    spacing: timedelta = timedelta(days=1),
) -> Path:
    """Write the pair of a forecast from the bar at ``asof``; return its JSON.

    ``factor`` times the last close is the forecast, give or take ``width`` (95%; half of it for 80%).
    """
    stamp, close = bars["timestamp"].iloc[asof], float(bars["close"].iloc[asof])
    point = close * np.broadcast_to(np.asarray(factor, dtype=np.float64), (steps,))
    frame = pd.DataFrame(
        {
            "step": range(1, steps + 1),
            "timestamp": pd.DatetimeIndex([stamp + spacing * step for step in range(1, steps + 1)]),
            "forecast": point,
            **{
                f"{side}_{level}": point * (1 + sign * width * share)
                for level, share in ((80, 0.5), (95, 1.0))
                for side, sign in (("lower", -1), ("upper", 1))
            },
        }
    )
    name = f"{key.stem}_{stamp:%Y%m%dT%H%M%SZ}"
    content = to_csv(frame)
    document = {
        "format": 1,
        "ticker": key.ticker,
        "interval": str(key.interval),
        "asof": f"{stamp:%Y-%m-%dT%H:%M:%SZ}",
        "last_close": close,
        "created_at": (created_at or stamp + spacing / 2).isoformat(timespec="seconds"),
        "steps": steps,
        "model": {"name": model, "version": version, "horizon": steps},
        "bars": {
            "before": {
                "timestamp": bars["timestamp"].iloc[asof - 1].isoformat(),
                "close": float(bars["close"].iloc[asof - 1]),
            }
        },
        "files": {f"{name}.csv": hashlib.sha256(content).hexdigest()},
    }
    settings.predictions_dir.mkdir(parents=True, exist_ok=True)
    (settings.predictions_dir / f"{name}.csv").write_bytes(content)
    path = settings.predictions_dir / f"{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write_pairs(settings: Settings, bars: pd.DataFrame, asofs: Sequence[int], steps: int = 10) -> None:
    """Many pairs, by one as a pattern: each forecasts the last close."""
    pattern = write_pair(settings, bars, asofs[0], steps=steps)
    stamps = bars["timestamp"].tolist()
    document, header = (
        json.loads(pattern.read_bytes()),
        pattern.with_suffix(".csv").read_text().split()[0],
    )
    for asof, close in zip(asofs, bars["close"].iloc[list(asofs)].tolist(), strict=True):
        rows = [
            f"{step},{stamps[asof + step]:%Y-%m-%dT%H:%M:%SZ},{close},{close * 0.98},{close * 1.02},"
            f"{close * 0.96},{close * 1.04}"
            for step in range(1, steps + 1)
        ]
        content = "\n".join([header, *rows, ""]).encode()
        name = f"AAPL_1d_{stamps[asof]:%Y%m%dT%H%M%SZ}"
        document |= {
            "asof": f"{stamps[asof]:%Y-%m-%dT%H:%M:%SZ}",
            "created_at": f"{stamps[asof]:%Y-%m-%dT12:00:00Z}",
            "last_close": close,
            "files": {f"{name}.csv": hashlib.sha256(content).hexdigest()},
        }
        (settings.predictions_dir / f"{name}.csv").write_bytes(content)
        (settings.predictions_dir / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")


def files_of(settings: Settings, key: SeriesKey = AAPL) -> list[PairFile]:
    """The pairs of a series."""
    return find_pairs(settings.predictions_dir).get(key, [])


def score(
    settings: Settings, bars: pd.DataFrame, key: SeriesKey = AAPL, now: datetime | None = None
) -> ScoreOutcome:
    """Score what lies in the folder against these bars."""
    moment = None if now is None else now.timestamp()
    return score_series(key, settings, bars, files_of(settings, key), moment)


def at(bars: pd.DataFrame, position: int, hour: int = 0) -> datetime:
    """A bar's time, and so many hours after it."""
    stamp: datetime = bars["timestamp"].iloc[position].to_pydatetime().astimezone(UTC)
    return stamp + timedelta(hours=hour)

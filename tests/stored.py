"""Puts made-up bars into a real store, as ingest would, and small settings around it."""

from pathlib import Path
from typing import Any

import pandas as pd

from ml.config import Settings
from ml.data.store import Sidecar, bars_path, write_bars, write_sidecar
from ml.outcomes import IngestOutcome
from ml.series import SeriesKey

# Trains in well under a second; what it learns does not matter.
QUICK = {
    "seq_len": 16,
    "horizon": 4,
    "epochs": 2,
    "hidden_size": 8,
    "features": ("close", "rsi_14", "volume"),
}


def quick_settings(folder: Path, **groups: dict[str, Any]) -> Settings:
    """Settings with all folders under one, and a training that takes no time."""
    groups["train"] = {**QUICK, **groups.get("train", {})}
    return Settings.model_validate(
        {
            "raw_dir": folder / "raw",
            "store_dir": folder / "store",
            "models_dir": folder / "models",
            "predictions_dir": folder / "predictions",
            **groups,
        }
    )


def store_bars(settings: Settings, key: SeriesKey, bars: pd.DataFrame) -> IngestOutcome:
    """Write bars and their sidecar; raw files play no part."""
    fingerprint = write_bars(settings.store_dir, key, bars)
    outcome = IngestOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status="ok",
        rows=len(bars),
        first=bars["timestamp"].iloc[0].to_pydatetime(),
        last=bars["timestamp"].iloc[-1].to_pydatetime(),
        has_volume=bool(bars["volume"].notna().any()),
        calendar="XNYS",
        fingerprint=fingerprint,
        store_path=str(bars_path(settings.store_dir, key)),
    )
    write_sidecar(settings.store_dir, key, Sidecar(config="made up", sources=(), outcome=outcome))
    return outcome

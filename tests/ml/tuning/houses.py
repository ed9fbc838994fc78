"""Raw files of made-up series, and settings under which a trial takes a tenth of a second."""

from pathlib import Path
from typing import Any

from ml.config import Settings
from ml.data.discovery import discover
from ml.tuning.targets import Target, make_targets
from tests.universe import write_series

TRAIN = {"seq_len": 8, "horizon": 3, "epochs": 2, "warm_up": 4}
TUNE = {"trials": 6, "folds": 2, "search": ("hidden_size", "learning_rate", "features")}


def house(root: Path, *tickers: str, n: int = 800, **tune: Any) -> Settings:
    """Write the series' files; settings of a small training and a small search."""
    for ticker in tickers:
        write_series(root / "raw", ticker, n)
    folders = {f"{name}_dir": root / name for name in ("raw", "store", "models", "predictions")}
    return Settings.model_validate(
        {**folders, "train": TRAIN, "tune": {**TUNE, **tune}, "run": {"plots": "never"}}
    )


def targets(settings: Settings) -> list[Target]:
    """What the settings tune of the raw folder."""
    found = discover(settings.raw_dir, (), ())
    return make_targets(found.series, settings.tune.group)

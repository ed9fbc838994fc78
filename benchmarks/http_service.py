"""A real HTTP service in a process of its own, over one series with two versions to promote in turn.

    python -m benchmarks.http_service FOLDER

promotes the other version of the folder's series every second, until it is ended.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.evaluation.promotion import promote_series
from ml.inference.champions import Champion
from ml.inference.service import Basis, ForecastService, forecast_from
from ml.series import SeriesKey
from ml.training.trainer import train_series

KEY = SeriesKey.of("AR1", "1d")
_READY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Service:
    """Where it listens, and which process it is."""

    port: int
    pid: int

    def megabytes(self) -> float:
        """Its resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1000

    def cpu_seconds(self) -> float:
        """Its processor time until now, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settings_of(folder: Path) -> Settings:
    """Settings over a folder; the folder is the environment's, so that other processes have it too."""
    for name in ("raw", "store", "models", "predictions"):
        os.environ[f"TICKERFLOW_{name.upper()}_DIR"] = str(folder / name)
    return Settings()


def prepare(folder: Path) -> tuple[Settings, dict[str, list[float]]]:
    """Train two versions of a series with a signal; the forecast of 100 steps of each.

    A random walk would not do: most networks forecast its last close, and a mix would not show.
    """
    settings = settings_of(folder)
    settings.raw_dir.mkdir(parents=True)
    bars = _autoregressive(1_259)
    bars.to_csv(settings.raw_dir / f"{KEY.ticker}_{KEY.interval}.csv", index=False)
    ingest_series(discover(settings.raw_dir).series[0], settings)
    forced = settings.promote.model_copy(update={"force": True})
    for seed in (1, 2):
        chosen = settings.train.model_copy(update={"seed": seed, "epochs": 10})
        own = settings.model_copy(update={"train": chosen, "promote": forced})
        outcome = promote_series(train_series(KEY, own), own)
        assert outcome.status == "promoted", outcome
    store = ModelStore(settings.models_dir)
    series = ForecastService.of(settings).bars(KEY)
    forecasts = {}
    for record in store.history(KEY):
        bundle = store.load_version(KEY, record.version)
        made = forecast_from(Basis(Champion(bundle.meta, forecaster_of(bundle)), series), 100)
        forecasts[record.version] = made.frame["forecast"].tolist()
    first, second = forecasts.values()
    assert first != second, "the two versions forecast the same: a mix of them would not show"
    return settings, forecasts


@contextmanager
def serving() -> Iterator[Service]:
    """``python -m apps.api`` over the environment's folders, until the block ends."""
    command = [sys.executable, "-m", "apps.api", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield Service(_port(process), process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def promoting(folder: Path) -> Iterator[None]:
    """Another process that promotes every second, until the block ends."""
    command = [sys.executable, "-m", "benchmarks.http_service", str(folder)]
    process = subprocess.Popen(command)
    try:
        yield
        assert process.poll() is None, "the promotions ended by themselves"
    finally:
        process.terminate()
        process.wait(30)


def promote_for_ever(folder: Path) -> None:
    """Make the version that is not the champion the champion, every second."""
    store = ModelStore(settings_of(folder).models_dir)
    versions = sorted(record.version for record in store.history(KEY))
    while True:
        champion = store.champion_meta(KEY)
        assert champion is not None
        other = next(version for version in versions if version != champion.version)
        store.rollback(KEY, other, by="benchmark")  # commits as every promotion does
        time.sleep(1)


def _port(process: "subprocess.Popen[str]") -> int:
    """The port that the service says it listens on, once it answers."""
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            port = int(found[1])
            until = time.monotonic() + _READY_SECONDS
            while time.monotonic() < until:
                with suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
                    return port
                time.sleep(0.1)
    raise RuntimeError("the service did not start")


def _autoregressive(count: int) -> pd.DataFrame:
    """Daily bars whose returns follow the return before by half; the last one is today."""
    noise = np.random.default_rng(20261122).normal(0, 0.01, count)
    change = np.zeros(count)
    for bar in range(1, count):
        change[bar] = 0.5 * change[bar - 1] + noise[bar]
    close = 100 * np.exp(np.cumsum(change))
    opened = np.concatenate(([100.0], close[:-1]))
    return pd.DataFrame(
        {
            "date": pd.bdate_range(end=pd.Timestamp.now().normalize(), periods=count).date,
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": 1_000,
        }
    )


if __name__ == "__main__":
    promote_for_ever(Path(sys.argv[1]))

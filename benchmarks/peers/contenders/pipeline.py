"""Tickerflow's pipeline in one process, one series after another, with its default settings.

    python -m benchmarks.peers.contenders.pipeline TASK ANSWER RAW_DIR

A series' seconds hold all that the product does: reading its CSV, validating, storing, features,
training, calibration, evaluation on the held-out bars, the verdict and the artifacts; no plots, as in a
run of many series. The forecasts that are judged are those of the network as it was trained. What the
verdict then promotes is written beside them as ``champion.npz``: the verdict has seen the held-out bars,
so the champion's skill is not comparable with that of a peer.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.peers.contender import compete
from benchmarks.peers.contenders.champions import closes, write_champions
from benchmarks.peers.exchange import Series, read_task
from benchmarks.peers.windows import Floats
from ml.artifacts.forecaster import forecaster_of
from ml.artifacts.store import ModelStore
from ml.config import RunConfig, Settings
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import ingest_series
from ml.data.store import read_bars
from ml.evaluation.promotion import promote_series
from ml.forecasting.forecaster import Forecaster
from ml.training.trainer import train_series


@dataclass(frozen=True)
class Network:
    """A network as it was trained, before any verdict."""

    forecaster: Forecaster
    bars: pd.DataFrame

    def forecast(self, series: Sequence[Series]) -> list[Floats]:
        """All test windows at once."""
        (one,) = series
        return [closes(self.forecaster, self.bars, one)]


class Pipeline:
    """From a series' raw files to its promoted artifacts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._raw = {raw.key.stem: raw for raw in discover(settings.raw_dir).series}
        self._store = ModelStore(settings.models_dir)

    def run(self, series: Sequence[Series]) -> Network:
        """Ingest, train and promote; raises RuntimeError that says why where one of them fails."""
        (one,) = series
        raw: RawSeries = self._raw[one.name]
        ingested = ingest_series(raw, self._settings)
        challenger = train_series(raw.key, self._settings)
        failure = ingested.failure or challenger.failure or (challenger.outcome or ingested).failure
        if failure is not None:
            raise RuntimeError(f"{one.name}: {failure}")
        # Loaded once more than the product does, for a network that is not promoted is removed.
        bundle, _ = self._store.load_staged(Path(challenger.staged))
        promoted = promote_series(challenger, self._settings)
        if promoted.failure is not None:
            raise RuntimeError(f"{one.name}: {promoted.failure}")
        return Network(forecaster_of(bundle), read_bars(self._settings.store_dir, raw.key))


def main() -> None:
    """Run."""
    answer, raw_dir = Path(sys.argv[2]), Path(sys.argv[3])
    settings = Settings(
        raw_dir=raw_dir,
        store_dir=answer / "store",
        models_dir=answer / "models",
        run=RunConfig(plots="never"),
    )
    train = settings.train.model_dump(mode="json")
    compete(Pipeline(settings).run, ("pandas",), threads=settings.train.threads, notes=train)
    write_champions(answer, settings, read_task(Path(sys.argv[1])))


if __name__ == "__main__":
    main()

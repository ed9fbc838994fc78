"""Train a challenger for each series of a shard."""

from collections.abc import Iterator

from ml.config import Settings
from ml.evaluation.promotion import discard_staged, failed
from ml.outcomes import Challenger, Failure, IngestOutcome
from ml.series import SeriesKey
from ml.training.engine import is_fleet
from ml.training.trainer import train_series, train_together
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task, unfinished


def _without_model(key: SeriesKey, failure: Failure) -> Challenger:
    return Challenger(ticker=key.ticker, interval=str(key.interval), outcome=failed(key, failure))


class _Trainer:
    """Trains a shard's series on the engine of the settings, and hands them out one by one."""

    def __init__(self, shard: list[IngestOutcome], settings: Settings, journal: Journal) -> None:
        self._shard, self._settings, self._journal = shard, settings, journal
        self._fleet: Iterator[tuple[SeriesKey, Challenger | Exception]] | None = None
        self._trained: dict[SeriesKey, Challenger | Exception] = {}

    def __call__(self, ingested: IngestOutcome) -> Challenger:
        if ingested.failure is not None:
            return _without_model(ingested.key, ingested.failure)
        if not is_fleet(self._settings.train):
            return self._alone(ingested.key)
        return self._from_fleet(ingested.key)

    def _alone(self, key: SeriesKey) -> Challenger:
        self._announce(key)
        return train_series(key, self._settings, on_epoch=self._check)

    def _from_fleet(self, key: SeriesKey) -> Challenger:
        if self._fleet is None:
            keys = [item.key for item in self._shard if item.failure is None]
            for one in keys:
                self._announce(one)
            self._fleet = train_together(keys, self._settings, on_epoch=self._check)
        while key not in self._trained:
            trained, result = next(self._fleet)
            self._trained[trained] = result
        result = self._trained.pop(key)
        if isinstance(result, Exception):
            raise result
        return result

    def _announce(self, key: SeriesKey) -> None:
        self._journal.append("training", ticker=key.ticker, interval=str(key.interval))

    def _check(self, *_: object) -> None:
        # Nothing can interrupt a thread from outside: the loop asks, at each epoch.
        self._journal.check()


@shard_task
def train(
    shard: list[IngestOutcome], settings: Settings, journal: Journal, label: str
) -> list[Challenger]:
    """Train each series that was ingested; of a run that was stopped nothing stays staged."""
    trainer = _Trainer(unfinished(shard), settings, journal)
    challengers = over_shard(shard, trainer, _without_model, journal)
    if not journal.is_stopped:
        return challengers
    for challenger in challengers:  # nobody will judge them
        discard_staged(challenger, settings)
    return []

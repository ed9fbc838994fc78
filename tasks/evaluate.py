"""Evaluate each series of a shard, walk-forward."""

from collections.abc import Iterator

from ml.backtesting.evaluation import evaluate_together, failed_evaluation
from ml.config import Settings
from ml.outcomes import EvaluateOutcome, IngestOutcome
from ml.series import SeriesKey
from tasks.journal import Journal
from tasks.shards import over_shard, shard_task, unfinished


class _Evaluator:
    """Evaluates a shard's series together, and hands them out one by one."""

    def __init__(self, shard: list[IngestOutcome], settings: Settings, journal: Journal) -> None:
        self._shard, self._settings, self._journal = shard, settings, journal
        self._results: Iterator[tuple[SeriesKey, EvaluateOutcome | Exception]] | None = None
        self._done: dict[SeriesKey, EvaluateOutcome | Exception] = {}

    def __call__(self, ingested: IngestOutcome) -> EvaluateOutcome:
        key = ingested.key
        if ingested.failure is not None:
            return failed_evaluation(key, ingested.failure)
        if self._results is None:
            keys = [item.key for item in self._shard if item.failure is None]
            self._journal.append("training", ticker=key.ticker, interval=str(key.interval))
            self._results = evaluate_together(keys, self._settings, self._journal.check)
        while key not in self._done:
            evaluated, result = next(self._results)
            self._done[evaluated] = result
        result = self._done.pop(key)
        if isinstance(result, Exception):
            raise result
        return result


@shard_task
def evaluate(
    shard: list[IngestOutcome], settings: Settings, journal: Journal, label: str
) -> list[EvaluateOutcome]:
    """Evaluate each series that was ingested; the journal has each at once."""
    evaluator = _Evaluator(unfinished(shard), settings, journal)
    return over_shard(shard, evaluator, failed_evaluation, journal, journal.finished)

"""Evaluate series: every contender on the same windows, from stored bars to accounts of the series."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ml.backtesting.contenders import Contender, contenders
from ml.backtesting.figures import SeriesFigures, series_figures
from ml.backtesting.folds import Fold, cut_folds
from ml.backtesting.run import FoldScore, learn_folds, score_fold
from ml.backtesting.store import EvaluationStore, digest_of
from ml.config import EvaluateConfig, Settings
from ml.data.store import bars_fingerprint, read_bars
from ml.errors import ArtifactWriteError, TickerflowError
from ml.outcomes import EvaluateOutcome, Failure
from ml.series import SeriesKey
from ml.training.engine import is_fleet

# Fits that train together on a CPU: more are no faster, and what is not kept yet is lost with the run.
_FLEET = 32


@dataclass
class _Series:
    """A series under evaluation, with what is known of it so far."""

    key: SeriesKey
    bars: pd.DataFrame
    fingerprint: str
    folds: Sequence[Fold]
    scores: dict[Contender, dict[int, FoldScore]]
    failures: dict[Contender, Failure] = field(default_factory=dict)
    error: Exception | None = None  # not the fault of a contender
    kept: int = 0
    seconds: float = 0.0

    def left(self, contender: Contender) -> list[Fold]:
        """The contender's folds that are not done, unless it has failed."""
        if contender in self.failures or self.error is not None:
            return []
        return [fold for fold in self.folds if fold.index not in self.scores[contender]]


_Problem = tuple[_Series, Fold]


def evaluate_together(
    keys: Sequence[SeriesKey], settings: Settings, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[SeriesKey, EvaluateOutcome | Exception]]:
    """Evaluate several series, and yield each as it is done.

    Every fit's result is kept at once, and what is kept is not done again. A contender that fails on a
    series is left out there and named; a series fails where none is left. An unexpected exception is
    yielded: it concerns one series. ``check`` is called before every fit, and may raise to end the run.

    Raises:
        UsageError, ModelError, FeatureError: the plan names what there is not.
        StudyError: the folder holds something else.
    """
    roster = contenders(settings.evaluate, settings.train)
    store = EvaluationStore(settings.evaluate.output)
    store.open()
    return _evaluate(keys, settings, roster, store, check)


def _evaluate(
    keys: Sequence[SeriesKey],
    settings: Settings,
    roster: Sequence[Contender],
    store: EvaluationStore,
    check: Callable[[], None],
) -> Iterator[tuple[SeriesKey, EvaluateOutcome | Exception]]:
    waiting: list[_Series] = []
    for key in keys:
        check()
        try:
            waiting.append(_prepare(key, settings, roster, store))
        except TickerflowError as error:
            yield key, failed_evaluation(key, Failure.of(error))
        except Exception as error:  # noqa: BLE001  # it is handed on with the series it is about
            yield key, error
    most = settings.run.fleet_size or _FLEET
    for contender in roster:
        if is_fleet(contender.config):
            _fit(contender, waiting, store, most, check)
    while waiting:
        series = waiting.pop(0)
        for contender in roster:
            _fit(contender, [series], store, 1, check)
        try:
            yield series.key, _account(series, roster, settings, store)
        except Exception as error:  # noqa: BLE001  # as above
            yield series.key, error


def evaluation_bars(bars: pd.DataFrame, plan: EvaluateConfig) -> tuple[pd.DataFrame, str]:
    """The newest bars that count, and their fingerprint."""
    if plan.max_bars:
        bars = bars.iloc[-plan.max_bars :].reset_index(drop=True)
    return bars, bars_fingerprint(bars)


def failed_evaluation(key: SeriesKey, failure: Failure) -> EvaluateOutcome:
    """The outcome of a series that could not be evaluated."""
    return EvaluateOutcome(
        ticker=key.ticker, interval=str(key.interval), status="failed", failure=failure
    )


def _prepare(
    key: SeriesKey, settings: Settings, roster: Sequence[Contender], store: EvaluationStore
) -> _Series:
    """The series with its folds, and what is kept of it."""
    began = time.monotonic()
    plan, train = settings.evaluate, settings.train
    bars, fingerprint = evaluation_bars(read_bars(settings.store_dir, key), plan)
    folds = cut_folds(
        len(bars),
        train.horizon,
        test_share=train.test_share,
        count=plan.folds,
        fold_bars=plan.fold_bars,
        window=plan.window,
        spacing=plan.spacing,
    )
    series = _Series(key, bars, fingerprint, folds, {contender: {} for contender in roster})
    for contender, scores in series.scores.items():
        for fold in folds:
            digest = digest_of(fingerprint, contender, fold)
            kept = store.read_score(key, contender, fold, digest, bars)
            if kept is not None:
                scores[fold.index] = kept
        series.kept += len(scores)
    series.seconds = time.monotonic() - began
    return series


def _fit(
    contender: Contender,
    members: Sequence[_Series],
    store: EvaluationStore,
    most: int,
    check: Callable[[], None],
) -> None:
    """Do the contender's folds that are left, up to ``most`` at a time, and keep each result."""
    while left := [(series, fold) for series in members for fold in series.left(contender)]:
        # Folds of one place in time are about as long as each other, and train together.
        left.sort(key=lambda problem: problem[1].index)
        check()
        _fit_lot(contender, left[:most], store)


def _fit_lot(contender: Contender, lot: Sequence[_Problem], store: EvaluationStore) -> None:
    began = time.monotonic()
    results = learn_folds([(series.bars, fold) for series, fold in lot], contender.config)
    each = (time.monotonic() - began) / len(lot)
    for (series, fold), learnt in zip(lot, results, strict=True):
        began = time.monotonic()
        try:
            if isinstance(learnt, Exception):
                raise learnt
            score = score_fold(series.bars, learnt, fold, began - each)
            digest = digest_of(series.fingerprint, contender, fold)
            store.write_score(series.key, contender, score, digest)
            series.scores[contender][fold.index] = score
        except ArtifactWriteError as error:  # the disk's failure, and not the contender's
            series.error = error
        except TickerflowError as error:
            series.failures.setdefault(contender, Failure.of(error))
        except Exception as error:  # noqa: BLE001  # raised again where the series is accounted for
            series.error = error
        series.seconds += each + time.monotonic() - began


def _account(
    series: _Series, roster: Sequence[Contender], settings: Settings, store: EvaluationStore
) -> EvaluateOutcome:
    """Write the series' figures, and say how it went."""
    if series.error is not None:
        raise series.error
    began = time.monotonic()
    failures = {contender.name: failure for contender, failure in series.failures.items()}
    done = {
        contender: [series.scores[contender][fold.index] for fold in series.folds]
        for contender in roster
        if contender not in series.failures
    }
    if not done:
        return failed_evaluation(series.key, next(iter(failures.values())))
    figures = series_figures(
        series.key,
        series.bars,
        series.fingerprint,
        done,
        failures,
        settings.promote,
        settings.evaluate.spacing,
    )
    path = store.write_series(figures)
    return _outcome(series, figures, str(path), series.seconds + time.monotonic() - began)


def _outcome(series: _Series, figures: SeriesFigures, path: str, seconds: float) -> EvaluateOutcome:
    best = figures.best
    return EvaluateOutcome(
        ticker=figures.ticker,
        interval=figures.interval,
        status="ok",
        best=best.contender,
        skill=best.skill,
        proven=best.verdict.standing == "better",
        contenders=len(figures.contenders),
        failures=figures.failures,
        windows=figures.windows,
        steps=figures.steps,
        folds=figures.folds,
        fits=sum(len(scores) for scores in series.scores.values()),
        kept=series.kept,
        path=path,
        seconds=seconds,
    )

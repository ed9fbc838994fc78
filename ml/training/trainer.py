"""Train series: from stored bars to challengers that wait for their verdict."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.config import PromoteConfig, Settings, TrainConfig
from ml.data.store import bars_fingerprint, read_bars, read_outcome
from ml.errors import StoreError, TickerflowError, TrainingError
from ml.evaluation.promotion import failed, unchanged
from ml.outcomes import Challenger, IngestOutcome
from ml.series import SeriesKey
from ml.training.configuration import Plan, plan_for
from ml.training.course import Course, Role, course_of
from ml.training.engine import fleets, is_fleet
from ml.training.fit_id import fit_id
from ml.training.learning import train_datasets
from ml.training.loop import Epoch, Fit, Outcome
from ml.training.network import network_config
from ml.training.staging import stage

OnEpoch = Callable[[SeriesKey, Epoch], None]


@dataclass(frozen=True)
class _Series:
    """A series that is to be trained."""

    key: SeriesKey
    ingested: IngestOutcome
    identity: str
    course: Course
    seconds: float  # spent on it so far


@dataclass(frozen=True)
class _Lot:
    """Lessons that are trained together: the number of the series, and the role in its course."""

    config: TrainConfig
    members: Sequence[tuple[int, Role]]


def train_series(
    key: SeriesKey, settings: Settings, on_epoch: Callable[[Epoch], None] | None = None
) -> Challenger:
    """Train a challenger for a series, and stage it for `ml.evaluation.promotion.promote_series`.

    An expected failure (too few bars, constant prices, an unknown feature) does not raise: it is the
    returned challenger's outcome. So is a training that would repeat the last one on the same bars, with
    ``settings.run.skip_unchanged``.
    """
    told = None if on_epoch is None else lambda _key, epoch: on_epoch(epoch)
    ((_, result),) = train_together([key], settings, told)
    if isinstance(result, Exception):
        raise result
    return result


def train_together(
    keys: Sequence[SeriesKey], settings: Settings, on_epoch: OnEpoch | None = None
) -> Iterator[tuple[SeriesKey, Challenger | Exception]]:
    """Train several series on the settings' engine; yields each as `train_series` would return it.

    What a series learns does not depend on the others. An exception that `train_series` would raise is
    yielded instead: it concerns one series, and not those that train beside it.
    """
    waiting: dict[int, _Series] = {}
    for key in keys:
        try:
            prepared = _prepare(key, settings)
        except Exception as error:  # noqa: BLE001  # it is handed on with the series it is about
            yield key, error
            continue
        if isinstance(prepared, Challenger):
            yield key, prepared
        else:
            waiting[len(waiting)] = prepared
    results: dict[int, dict[Role, Outcome | Exception]] = {index: {} for index in waiting}
    for lot in _lots(waiting, settings.run.fleet_size):
        for (index, role), result in zip(
            lot.members, _fit_all(lot.members, lot.config, waiting, on_epoch), strict=True
        ):
            results[index][role] = result
        for index in sorted({index for index, _ in lot.members}):
            if results[index].keys() != waiting[index].course.lessons.keys():
                continue
            series, fits = waiting.pop(index), results.pop(index)
            try:
                yield series.key, _finish(series, fits, settings)
            except Exception as error:  # noqa: BLE001  # as above
                yield series.key, error


def _prepare(key: SeriesKey, settings: Settings) -> _Series | Challenger:
    """The series with its course, or its outcome where there is nothing to train."""
    began = time.monotonic()
    try:
        store = ModelStore(settings.models_dir)
        network_config(settings.train)
        bars = read_bars(settings.store_dir, key)
        ingested = _outcome(settings, key)
        _check_same_bars(key, bars, ingested)
        champion = store.replaceable(key)
        plan = plan_for(key, settings, store, champion, bars)
        is_fleet(plan.config)
        identity, *others = _identities(ingested.fingerprint, plan, settings.promote)
        if settings.run.skip_unchanged and not settings.promote.force:
            found = (store.find_fit(key, name) for name in (identity, *others))
            record = next((record for record in found if record is not None), None)
            if record is not None and not _cut_short(record, plan.config) and store.serves(key):
                outcome = unchanged(key, record, store, seconds=time.monotonic() - began)
                return _challenger(key, outcome=outcome)
        course = course_of(plan, champion, bars, settings)
    except TickerflowError as error:
        return _challenger(key, outcome=failed(key, error, seconds=time.monotonic() - began))
    return _Series(key, ingested, identity, course, time.monotonic() - began)


def _identities(fingerprint: str, plan: Plan, rule: PromoteConfig) -> list[str]:
    """What this training is called, and what it was called if the champion is its result already.

    A warm start or a refit that was accepted is the champion now: from it the next one would start, on
    the same bars, and so on each night.
    """
    if plan.source is None:
        return [fit_id(fingerprint, plan.config, rule)]
    identities = [fit_id(fingerprint, plan.config, rule, plan.source.version)]
    made = plan.source.training
    if made.mode == plan.mode or plan.mode == "warm":
        before = fit_id(fingerprint, plan.config, rule, made.source)
        identities += [before] if before == made.fit_id else []
    return identities


def _lots(waiting: Mapping[int, _Series], fleet_size: int) -> list[_Lot]:
    """All lessons in lots that train together, those of the first series first."""
    groups: dict[tuple[TrainConfig, bool], list[tuple[int, Role]]] = {}
    for index, series in waiting.items():
        for role, lesson in series.course.lessons.items():
            config = lesson.config.model_copy(update={"mode": "scratch"})  # says nothing to the loop
            groups.setdefault((config, lesson.start.epochs is None), []).append((index, role))
    lots = []
    for (config, _), members in groups.items():
        datasets = [waiting[index].course.lessons[role].dataset for index, role in members]
        lots += [
            _Lot(config, [members[place] for place in places])
            for places in fleets(datasets, config, fleet_size)
        ]
    return sorted(lots, key=lambda lot: min(index for index, _ in lot.members))


def _fit_all(
    members: Sequence[tuple[int, Role]],
    config: TrainConfig,
    waiting: Mapping[int, _Series],
    on_epoch: OnEpoch | None,
) -> Sequence[Outcome | Exception]:
    """Train what belongs together; where that fails (memory, one odd series), in ever smaller parts."""
    try:
        return _fit(members, config, waiting, on_epoch)
    except Exception as error:  # noqa: BLE001  # it is handed on with the series it is about
        if len(members) == 1:
            return [error]
    half = len(members) // 2
    return [
        *_fit_all(members[:half], config, waiting, on_epoch),
        *_fit_all(members[half:], config, waiting, on_epoch),
    ]


def _fit(
    members: Sequence[tuple[int, Role]],
    config: TrainConfig,
    waiting: Mapping[int, _Series],
    on_epoch: OnEpoch | None,
) -> list[Outcome]:
    """Train what belongs together."""

    def told(place: int, epoch: Epoch) -> None:
        if on_epoch is not None:
            on_epoch(waiting[members[place][0]].key, epoch)

    lessons = [waiting[index].course.lessons[role] for index, role in members]
    return train_datasets(
        [lesson.dataset for lesson in lessons], config, told, [lesson.start for lesson in lessons]
    )


def _finish(
    series: _Series, results: Mapping[Role, Outcome | Exception], settings: Settings
) -> Challenger:
    """Stage what was trained; an expected failure is the challenger's outcome."""
    began = time.monotonic()
    fits: dict[Role, Outcome] = {}
    try:
        for role, result in results.items():
            if isinstance(result, Exception) and not isinstance(result, TrainingError):
                raise result
            fits[role] = result
        staged = stage(series.course, fits, series.ingested, series.identity, settings)
    except TickerflowError as error:
        seconds = series.seconds + time.monotonic() - began
        return _challenger(series.key, outcome=failed(series.key, error, seconds=seconds))
    learning = sum(result.seconds for result in fits.values() if isinstance(result, Fit))
    seconds = series.seconds + learning + time.monotonic() - began
    return staged.model_copy(update={"seconds": seconds})


def _challenger(key: SeriesKey, **fields: object) -> Challenger:
    return Challenger.model_validate({"ticker": key.ticker, "interval": str(key.interval), **fields})


def _cut_short(record: Meta, config: TrainConfig) -> bool:
    """Whether the earlier training ran into its deadline, and this one has more time."""
    allowed = record.training.config.get("deadline_seconds")
    return (
        record.training.stopped == "deadline"
        and isinstance(allowed, int | float)
        and allowed < config.deadline_seconds
    )


def _outcome(settings: Settings, key: SeriesKey) -> IngestOutcome:
    outcome = read_outcome(settings.store_dir, key)
    if outcome is None:
        raise StoreError(
            f"expected an account of the ingest of {key} in {settings.store_dir}, found none",
            hint=f"tickerflow ingest --ticker {key.ticker} --interval {key.interval}",
            where=str(key),
        )
    return outcome


def _check_same_bars(key: SeriesKey, bars: pd.DataFrame, ingested: IngestOutcome) -> None:
    """An ingest between the two readings would have the model say that it knows bars it never saw."""
    if bars_fingerprint(bars) != ingested.fingerprint:
        raise StoreError(
            f"expected the bars of {key} to stay, found that they were ingested again in between",
            hint="train again",
            where=str(key),
        )

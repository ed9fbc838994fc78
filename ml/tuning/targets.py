"""What a study is about: one series, or a group of them by a sample."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml.artifacts.tuned import group_path, series_path
from ml.config import Settings
from ml.data.discovery import RawSeries
from ml.data.ingest import ingest_series
from ml.data.store import read_bars
from ml.errors import TickerflowError
from ml.outcomes import Failure
from ml.series import SeriesKey
from ml.tuning.objective import Subject, make_subject


@dataclass(frozen=True)
class Target:
    """What one study is about.

    Attributes:
        key: the series; of a group its name and interval.
        members: the series that the result is for.
        group: the group's name; empty for one series.
    """

    key: SeriesKey
    members: tuple[RawSeries, ...]
    group: str = ""

    def path(self, models_dir: Path) -> Path:
        """Where the result is kept."""
        return group_path(models_dir, self.key) if self.group else series_path(models_dir, self.key)

    def folder(self, models_dir: Path) -> Path:
        """Where its studies are."""
        folder = Path(models_dir) / "tuning"
        return folder / "groups" / self.key.stem if self.group else folder / self.key.stem


def make_targets(series: Sequence[RawSeries], group: str) -> list[Target]:
    """A target for each series, or with a group's name one for each interval."""
    if not group:
        return [Target(raw.key, (raw,)) for raw in series]
    return [
        Target(
            SeriesKey.of(group, interval),
            tuple(raw for raw in series if raw.key.interval == interval),
            group,
        )
        for interval in sorted({raw.key.interval for raw in series})
    ]


def subjects_of(target: Target, settings: Settings) -> list[Subject] | Failure:
    """The series to judge by: of a group a sample, drawn by the seed, of those that can be tuned.

    They are ingested where their files have changed. Where none of them can be tuned, why the last one
    could not.
    """
    members = sorted(target.members, key=lambda raw: raw.key)
    random.Random(settings.train.seed).shuffle(members)  # noqa: S311  # a sample, no secret
    subjects: list[Subject] = []
    problem = Failure(code=TickerflowError.code, message="expected a series to tune, found none")
    for raw in members:
        if len(subjects) == (settings.tune.sample if target.group else 1):
            break
        found = _subject(raw, settings)
        if isinstance(found, Subject):
            subjects.append(found)
        else:
            problem = found
    return sorted(subjects, key=lambda subject: subject.key) or problem


def _subject(raw: RawSeries, settings: Settings) -> Subject | Failure:
    ingested = ingest_series(raw, settings)
    if ingested.failure is not None:
        return ingested.failure
    try:
        bars = read_bars(settings.store_dir, raw.key)
        return make_subject(raw.key, bars, settings.train, settings.tune.folds)
    except TickerflowError as error:
        return Failure.of(error)

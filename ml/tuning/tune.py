"""Tune a series or a group, and keep what was found where it is better than the defaults."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ml.artifacts.tuned import Compared, Tuned, read_tuned, remove_tuned, write_tuned
from ml.config import Settings
from ml.errors import ArtifactError, UnreadableArtifactError
from ml.outcomes import Failure, Trial, TuneOutcome
from ml.series import SeriesKey
from ml.tuning.objective import Subject, judge_last
from ml.tuning.pictures import draw_study
from ml.tuning.search import Found, Tried, search
from ml.tuning.space import Space, make_space
from ml.tuning.targets import Target, subjects_of


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is: trials that have ended, trials in all, and relative losses so far."""

    done: int
    total: int
    best: float | None
    defaults: float | None

    @property
    def words(self) -> str:
        """``12 of 30 trials, best 0.9931, defaults 1.0000``."""
        figures = "" if self.best is None else f", best {self.best:.4f}, defaults {self.defaults:.4f}"
        return f"{self.done} of {self.total} trials{figures}"


OnProgress = Callable[[Progress], None]


def failed_tuning(key: SeriesKey, failure: Failure) -> TuneOutcome:
    """The outcome of a series, or a group, that could not be tuned."""
    return TuneOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status="failed",
        reason=failure.message,
        failure=failure,
    )


def tune_target(
    target: Target, settings: Settings, on_progress: OnProgress = lambda _progress: None
) -> TuneOutcome:
    """Run the study of a target up to its number of trials, and keep the best where it is better.

    The best is kept where it is ahead of the defaults twice: on the folds of the search, where the best
    of many is ahead by luck as well (Cawley and Talbot 2010, On over-fitting in model selection), and on
    one later fold that the search did not see. The test bars are in neither.

    Args:
        target: what to tune.
        settings: folders, what is set already (``train``), and how to search (``tune``).
        on_progress: told after each fold; it can end the run by raising, and the study goes on later.

    Raises:
        TickerflowError: the defaults cannot be learnt, nothing is left to search, the study is damaged
            or another process has it.
    """
    began = time.monotonic()
    subjects = subjects_of(target, settings)
    if isinstance(subjects, Failure):
        return failed_tuning(target.key, subjects)
    has_volume = all(subject.has_volume for subject in subjects)
    space = make_space(settings.train, settings.tune, has_volume=has_volume)
    path, folder = target.path(settings.models_dir), target.folder(settings.models_dir)
    in_use, is_damaged = _in_use(path, settings.models_dir)
    earlier = space.proposal(in_use.values) if in_use else None

    found = search(
        folder,
        subjects,
        space,
        settings.tune,
        earlier,
        lambda tried: on_progress(_progress(tried, settings.tune.trials)),
    )
    searched = _compared(found.best.value, found.defaults.value)
    confirmed = _confirmed(found, subjects, space)
    is_kept = searched.is_better and confirmed.is_better
    is_removed = not is_kept and (
        is_damaged
        or (
            earlier is not None and not _still_ahead(earlier, found, confirmed.defaults, subjects, space)
        )
    )
    if is_kept:
        write_tuned(path, _tuned(target, subjects, space, found, searched, confirmed))
    elif is_removed:
        remove_tuned(path)
    plots: tuple[str, ...] = ()
    if settings.run.plots != "never":
        plots = draw_study(folder, _name(target), found)
    return TuneOutcome(
        ticker=target.key.ticker,
        interval=str(target.key.interval),
        status="tuned" if is_kept else "kept",
        reason=_sentence(found, searched, confirmed) + ", an earlier one removed" * is_removed,
        group=target.group,
        members=len(target.members),
        sample=tuple(subject.key.stem for subject in subjects),
        values=_plain(space.values(found.best.chosen)),
        value=searched.tuned,
        defaults=searched.defaults,
        confirmed=confirmed.tuned,
        confirmed_defaults=confirmed.defaults,
        study=found.study,
        trials=tuple(_trial(one) for one in found.tried),
        resumed=found.found,
        importance=dict(found.importance),
        path=str(path) if is_kept else "",
        plots=plots,
        seconds=time.monotonic() - began,
    )


def _in_use(path: Path, models_dir: Path) -> tuple[Tuned | None, bool]:
    """What was tuned before, and whether its file is damaged: then this study takes its place."""
    try:
        return read_tuned(path, models_dir), False
    except UnreadableArtifactError:  # it may be sound
        raise
    except ArtifactError:
        return None, True


def _progress(tried: Sequence[Tried], total: int) -> Progress:
    values = [one.value for one in tried if one.state == "complete"]
    known = [value for value in values if value is not None]
    return Progress(len(tried), total, min(known, default=None), known[0] if known else None)


def _compared(tuned: float | None, defaults: float | None) -> Compared:
    assert tuned is not None  # the defaults went through all folds, or the search had raised
    assert defaults is not None
    return Compared(tuned=tuned, defaults=defaults)


def _confirmed(found: Found, subjects: Sequence[Subject], space: Space) -> Compared:
    defaults = judge_last(subjects, space.base)
    if found.best.number == found.defaults.number:
        return Compared(tuned=defaults, defaults=defaults)
    return Compared(tuned=judge_last(subjects, space.config(found.best.chosen)), defaults=defaults)


def _still_ahead(
    earlier: Mapping[str, Any],
    found: Found,
    confirmed_defaults: float,
    subjects: Sequence[Subject],
    space: Space,
) -> bool:
    """Whether what is in use is ahead of the defaults twice; yes, where this study did not try it."""
    tried = next((one for one in found.tried if dict(one.chosen) == dict(earlier)), None)
    if tried is None:
        return True
    if tried.state != "complete" or not _compared(tried.value, found.defaults.value).is_better:
        return False
    return judge_last(subjects, space.config(earlier)) < confirmed_defaults


def _tuned(
    target: Target,
    subjects: Sequence[Subject],
    space: Space,
    found: Found,
    searched: Compared,
    confirmed: Compared,
) -> Tuned:
    prints = "".join(subject.fingerprint for subject in subjects)
    return Tuned(
        group=target.group,
        members=tuple(sorted(raw.key.stem for raw in target.members)),
        sample=tuple(subject.key.stem for subject in subjects),
        values=_plain(space.values(found.best.chosen)),
        searched=searched,
        confirmed=confirmed,
        folds=len(subjects[0].folds),
        study=found.study,
        trials=len(found.tried),
        pruned=sum(one.state == "pruned" for one in found.tried),
        created=datetime.now(UTC),
        fingerprint=prints if len(subjects) == 1 else sha256(prints.encode()).hexdigest(),
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _name(target: Target) -> str:
    return f"group {target.key}" if target.group else str(target.key)


def _sentence(found: Found, searched: Compared, confirmed: Compared) -> str:
    trials = f"best of {len(found.tried)} trials"
    if found.best.number == found.defaults.number:
        return f"the defaults are the {trials} (relative error {searched.defaults:.4f}), and are kept"
    first = f"{searched.tuned:.4f} beside the defaults' {searched.defaults:.4f}"
    later = f"{confirmed.tuned:.4f} beside {confirmed.defaults:.4f}"
    if not searched.is_better:
        return f"{trials}: relative error {first}; the defaults are kept"
    if not confirmed.is_better:
        return f"{trials}: relative error {first}, but on the next fold {later}; the defaults are kept"
    return f"{trials}: relative error {first}, on the next fold {later}; kept"


def _trial(one: Tried) -> Trial:
    return Trial(
        number=one.number,
        state=one.state,
        value=one.value,
        chosen=dict(one.chosen),
        seconds=one.seconds,
        note=one.note,
    )

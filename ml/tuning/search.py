"""The study itself: trial after trial; one that was left goes on as if it had not been."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml.config import TuneConfig
from ml.errors import TickerflowError
from ml.training.fit_id import FIT_VERSION, WITHOUT_EFFECT
from ml.tuning.objective import Subject, relative_loss
from ml.tuning.space import Space
from ml.tuning.storage import open_study

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

State = Literal["complete", "pruned", "failed"]

# Until so many trials have ended none is given up, for a median of fewer says little.
_STARTUP_PRUNED = 5
_STARTUP_RANDOM = 8


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial that ended.

    Attributes:
        number: in the order they ended; 0 is the defaults.
        state: ``pruned`` was given up after a fold, ``failed`` could not be learnt.
        chosen: the proposal, by name; ``features`` is a set's name.
        value: mean relative loss of all folds; of one that was given up, of those it had.
        note: why it failed.
    """

    number: int
    state: State
    chosen: Mapping[str, Any]
    value: float | None
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Found:
    """What a study has seen.

    Attributes:
        study: its identity.
        tried: the trials, in order.
        found: how many of them were there before this run.
        importance: share of the objective's variance that each value explains; empty for too few trials.
    """

    study: str
    tried: tuple[Tried, ...]
    found: int
    importance: Mapping[str, float]

    @property
    def complete(self) -> list[Tried]:
        """Those that went through all folds, best first; of two as good the earlier one."""
        done = [one for one in self.tried if one.state == "complete" and one.value is not None]
        return sorted(done, key=lambda one: (one.value, one.number))

    @property
    def best(self) -> Tried:
        """The best of them."""
        return self.complete[0]

    @property
    def defaults(self) -> Tried:
        """The trial of the defaults: the first, which is never given up."""
        return self.tried[0]


OnStep = Callable[[Sequence[Tried]], None]


def study_id(subjects: Sequence[Subject], space: Space, tune: TuneConfig) -> str:
    """16 hex digits for all that a trial's value depends on: a study goes on only with the same."""
    identity = {
        "version": FIT_VERSION,
        "bars": [subject.fingerprint for subject in subjects],
        "base": space.base.model_dump(mode="json", exclude=WITHOUT_EFFECT),
        "space": space.identity(),
        "folds": tune.folds,
        "pruner": tune.pruner,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def search(
    folder: Path,
    subjects: Sequence[Subject],
    space: Space,
    tune: TuneConfig,
    earlier: Mapping[str, Any] | None = None,
    on_step: OnStep = lambda _tried: None,
) -> Found:
    """Run the study up to ``tune.trials`` trials, the first of which are the defaults.

    Each trial's sampler is seeded by the seed and the number of trials that have ended, so a study that
    was killed and goes on makes the trials that it would have made.

    Args:
        folder: where its journal lies, or comes to lie.
        subjects: the series.
        space: what to choose, and the defaults.
        tune: how many trials and folds.
        earlier: a proposal to try second: what is in use.
        on_step: told the trials that have ended, after each fold; what it raises ends the run.

    Raises:
        TickerflowError: the defaults cannot be learnt, or the study cannot be opened (`open_study`).
    """
    identity = study_id(subjects, space, tune)
    with open_study(folder / f"{identity}.journal") as study:
        _end_stale(study)
        tried = _ended(study)
        found = len(tried)
        while len(tried) < tune.trials:
            trial = _ask(study, space, len(tried), earlier)
            _run(study, trial, subjects, space, tune, tried, on_step)
            tried = _ended(study)
            on_step(tried)
        return Found(identity, tried, found, _importance(study, space))


def _ask(study: "Study", space: Space, ended: int, earlier: Mapping[str, Any] | None) -> "Trial":
    """The next trial: the defaults, what is in use, then what the sampler proposes."""
    import optuna

    if ended == 0:
        study.enqueue_trial(space.defaults())
    elif ended == 1 and earlier is not None and dict(earlier) != space.defaults():
        study.enqueue_trial(dict(earlier))
    study.sampler = optuna.samplers.TPESampler(
        seed=(space.base.seed * 100_003 + ended) % 2**32,
        multivariate=True,
        n_startup_trials=_STARTUP_RANDOM,
    )
    return study.ask()


def _run(
    study: "Study",
    trial: "Trial",
    subjects: Sequence[Subject],
    space: Space,
    tune: TuneConfig,
    ended: Sequence[Tried],
    on_step: OnStep,
) -> None:
    """Judge one trial fold by fold, and tell the study how it ended."""
    import optuna

    is_first = not ended
    began, losses = time.monotonic(), []
    chosen = space.suggest(trial)
    if tune.pruner == "median":
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_PRUNED)
    else:
        study.pruner = optuna.pruners.NopPruner()
    pruned = optuna.trial.TrialState.PRUNED
    try:
        config = space.config(chosen)
        for fold in range(tune.folds):
            folds = [subject.folds[fold] for subject in subjects]
            losses.append(relative_loss(subjects, config, folds))
            trial.report(sum(losses) / len(losses), fold)
            on_step(ended)
            if fold + 1 < tune.folds and not is_first and trial.should_prune():
                break
    except TickerflowError as error:
        # A window too long for the first fold, a rate at which the loss is lost: a bad proposal.
        if is_first:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
        trial.set_user_attr("note", f"{error.code} {error.message}")
    trial.set_user_attr("seconds", time.monotonic() - began)
    if len(losses) == tune.folds:
        study.tell(trial, sum(losses) / len(losses))
    else:
        study.tell(trial, state=pruned)


def _ended(study: "Study") -> tuple[Tried, ...]:
    """Trials that count, in order: those that a killed process left are no trials."""
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    trials = study.get_trials(deepcopy=False, states=states)
    return tuple(_tried(number, trial) for number, trial in enumerate(trials))


def _end_stale(study: "Study") -> None:
    """End trials of a process that is no more, planned ones too: nobody else has the study."""
    from optuna.trial import TrialState

    while study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.tell(study.ask(), state=TrialState.FAIL)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _tried(number: int, trial: "FrozenTrial") -> Tried:
    note = str(trial.user_attrs.get("note", ""))
    is_complete = trial.state.name == "COMPLETE"
    steps = trial.intermediate_values
    value = trial.value if is_complete else steps[max(steps)] if steps else None
    state: State = "complete" if is_complete else "failed" if note else "pruned"
    seconds = float(trial.user_attrs.get("seconds", 0.0))
    return Tried(number, state, dict(trial.params), value, seconds, note)


def _importance(study: "Study", space: Space) -> dict[str, float]:
    """fANOVA (Hutter, Hoos and Leyton-Brown 2014): how much of the variance each value explains."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(done) < _STARTUP_RANDOM or len({trial.value for trial in done}) < 2:
        return {}
    evaluator = FanovaImportanceEvaluator(seed=space.base.seed)
    found = get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}

"""One step over a shard: each series on its own, so that one that fails takes nothing with it."""

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from ml.errors import StoreError, TickerflowError
from ml.outcomes import Challenger, Failure, Outcome, StagedSeries
from ml.series import SeriesKey
from ml.summary import Finished
from tasks.journal import Journal, Stopped

RETRIES = 2
RETRY_DELAYS_SECONDS = [1.0, 5.0]

# An OSError that comes back however often one tries.
_LASTING = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


class Keyed(Protocol):
    """Anything that says which series it is about."""

    @property
    def key(self) -> SeriesKey:
        """The series' key."""
        ...


Item = TypeVar("Item", bound=Keyed)
Result = TypeVar("Result", bound=Outcome)


class PassingError(Exception):
    """Some series of a shard failed for a reason that can pass: try these again."""


# What an earlier attempt of a task run finished: Prefect repeats an attempt in the same process.
_finished: dict[UUID, dict[SeriesKey, Any]] = {}


def over_shard(
    items: Sequence[Item],
    step: Callable[[Item], Result],
    fail: Callable[[SeriesKey, Failure], Result],
    journal: Journal,
    done: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Run the step for each item; what goes wrong with a series becomes its own outcome, by ``fail``.

    ``done`` is called with each result as soon as it is final.
    When the run is asked to stop, the list ends with the last series that was finished.

    Raises:
        PassingError: a failure can pass, and the task run has another attempt. What is finished is kept
            for that attempt.
    """
    run = TaskRunContext.get()
    last_attempt = run is None or run.task_run.run_count > RETRIES
    finished = _finished.pop(run.task_run.id, {}) if run else {}
    passing: list[str] = []
    for item in items:
        if item.key in finished:
            continue
        try:
            journal.check()
            result = _guarded(item, step, fail)
        except Stopped:
            break
        failure = failure_of(result)
        is_new = not isinstance(item, Outcome) or failure_of(item) != failure
        if failure is not None and is_new and can_pass(failure) and not last_attempt:
            passing.append(f"{item.key}: {failure}")
        else:
            finished[item.key] = result
            done(result)
    if passing:
        assert run is not None
        _finished[run.task_run.id] = finished
        raise PassingError("; ".join(passing))
    return [finished[item.key] for item in items if item.key in finished]


def unfinished(items: Sequence[Item]) -> list[Item]:
    """The items that no earlier attempt of the present task run has finished."""
    run = TaskRunContext.get()
    done = _finished.get(run.task_run.id, {}) if run else {}
    return [item for item in items if item.key not in done]


def _guarded(
    item: Item, step: Callable[[Item], Result], fail: Callable[[SeriesKey, Failure], Result]
) -> Result:
    try:
        return step(item)
    except TickerflowError as error:
        return fail(item.key, Failure.of(error))
    except OSError as error:
        family = TickerflowError if isinstance(error, _LASTING) else StoreError
        return fail(
            item.key,
            Failure(code=family.code, message=f"{type(error).__name__}: {error}", where=str(item.key)),
        )
    except Exception as error:  # noqa: BLE001  # a defect in one series must not take its shard down
        get_run_logger().exception("%s: unexpected %s", item.key, type(error).__name__)
        return fail(item.key, unexpected(error, str(item.key)))


def failure_of(result: Outcome) -> Failure | None:
    """Why a series failed; None where it did not, or not yet."""
    if isinstance(result, StagedSeries | Challenger):
        return result.outcome.failure if result.outcome else None
    if isinstance(result, Finished):
        return result.failure
    return None


def unexpected(error: BaseException, where: str) -> Failure:
    """A defect, as data."""
    return Failure(
        code=TickerflowError.code,
        message=f"unexpected {type(error).__name__}: {error}",
        hint="this is a defect of Tickerflow; the log of the run has the traceback",
        where=where,
    )


def can_pass(failure: Failure) -> bool:
    """Whether the same call can succeed later without a change of input."""
    return failure.code in _codes_that_pass(TickerflowError)


def _codes_that_pass(family: type[TickerflowError]) -> set[str]:
    own = {family.code} if family.retryable else set()
    return own.union(*(_codes_that_pass(child) for child in family.__subclasses__()))


def _retry(_task: object, _run: object, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), PassingError)


P = ParamSpec("P")
R = TypeVar("R")


def shard_task(function: Callable[P, R]) -> Task[P, R]:
    """Make a Prefect task of a function that has a ``label``, which names its runs.

    It is repeated, after a jittered delay, for what can pass; never for bad data, nor for a defect.
    It is not cached: ml knows by fingerprints what need not be done again.
    """
    name = function.__name__
    return task(
        name=name,
        task_run_name=f"{name} {{label}}",
        retries=RETRIES,
        retry_delay_seconds=RETRY_DELAYS_SECONDS,
        retry_jitter_factor=0.5,
        retry_condition_fn=_retry,
        cache_policy=NO_CACHE,
    )(function)

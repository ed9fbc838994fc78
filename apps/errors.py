"""From what went wrong to a line on stderr and an exit status."""

import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from apps.interrupting import settle, status_of, unwind
from ml.errors import (
    FeatureError,
    ModelError,
    NoDataError,
    SeriesNameError,
    StudyError,
    TickerflowError,
    UsageError,
)

if TYPE_CHECKING:
    from ml.outcomes import Failure

DONE, SOME_FAILED, WRONG_USE = 0, 1, 2

# A study error that ends a command is a folder of something else; that of a series is in its account.
_WRONG_USE = (UsageError, NoDataError, SeriesNameError, FeatureError, ModelError, StudyError)


def exit_status(act: Callable[[], int], *, debug: bool) -> int:
    """Call it; what it raises becomes ``TF012 place: message`` and a hint, and no traceback."""
    try:
        unwind()
        status = _told(act, debug)
        settle()
    except KeyboardInterrupt as interrupt:
        settle()
        _say("interrupted")
        return status_of(interrupt)
    return status


def _told(act: Callable[[], int], debug: bool) -> int:
    try:
        return act()
    except TickerflowError as error:
        from ml.outcomes import Failure

        _complain(Failure.of(error), debug)
        return WRONG_USE if isinstance(error, _WRONG_USE) else SOME_FAILED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # the last one who can say it in words
        from ml.outcomes import Failure

        hint = "this is a defect of Tickerflow; run again with --debug for the traceback"
        _complain(
            Failure(code=TickerflowError.code, message=f"{type(error).__name__}: {error}", hint=hint),
            debug,
        )
        return SOME_FAILED


def _complain(failure: "Failure", debug: bool) -> None:
    if debug:
        traceback.print_exc()
    place = f" {failure.where}:" if failure.where else ":"
    _say(f"{failure.code}{place} {failure.message}")
    if failure.hint:
        _say(f"hint: {failure.hint}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201

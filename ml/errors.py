"""The one family of exceptions that Tickerflow raises on purpose.

Every message says what was expected and what was found; ``hint`` says what to do about it.
Codes are stable: users search for them, and docs/guides/errors.md lists them.
"""

from typing import ClassVar


class TickerflowError(Exception):
    """Base of all expected failures.

    Attributes:
        code: stable identifier, ``TF`` and three digits.
        message: what was expected and what was found.
        hint: what the user can do; empty where nothing can be done.
        where: file, ``file:line`` or series that the failure is about; empty if none.
        retryable: whether the same call can succeed later without a change of input.
    """

    code: ClassVar[str] = "TF000"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f" {self.where}:" if self.where else ":"
        hint = f" hint: {self.hint}" if self.hint else ""
        return f"{self.code}{place} {self.message}{hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # Process pools pickle exceptions; the default would lose the keyword arguments.
        return (_rebuild, (type(self), self.message, self.hint, self.where))


def _rebuild(cls: type[TickerflowError], message: str, hint: str, where: str) -> TickerflowError:
    return cls(message, hint=hint, where=where)


class UsageError(TickerflowError):
    """A wrong option, setting or name: exit status 2."""

    code = "TF001"


class NoDataError(TickerflowError):
    """No series was found where one was looked for."""

    code = "TF002"


class SeriesNameError(TickerflowError):
    """A file or series name that is not ``{ticker}_{interval}``, or not safe."""

    code = "TF003"


class UnreadableFileError(TickerflowError):
    """Not a regular, readable text file of tolerable size."""

    code = "TF010"


class UnrecognisedFileError(TickerflowError):
    """Text, but no table of bars in it: no rows, no OHLC columns, no timestamps."""

    code = "TF011"


class AmbiguousFileError(TickerflowError):
    """More than one reading is possible; the hint holds the override that settles it."""

    code = "TF012"


class SymbolError(TickerflowError):
    """Several symbols in one file, none of which is the one asked for."""

    code = "TF013"


class OverrideError(TickerflowError):
    """The override file does not fit its schema or the CSV that it describes."""

    code = "TF014"


class BadSeriesError(TickerflowError):
    """Too large a share of a series' rows is bad."""

    code = "TF020"


class TooFewBarsError(TickerflowError):
    """Not enough bars to train and judge, or to forecast from."""

    code = "TF021"


class ConstantSeriesError(TickerflowError):
    """The prices do not move: there is no scale to learn in."""

    code = "TF022"


class CalendarError(TickerflowError):
    """An unknown calendar, or one that does not reach far enough."""

    code = "TF023"


class StoreError(TickerflowError):
    """The feature store could not be read or written."""

    code = "TF030"
    retryable = True


class FeatureError(TickerflowError):
    """An unknown feature name, or a column that the data does not have."""

    code = "TF040"


class ModelError(TickerflowError):
    """An unknown architecture, or a config that does not fit it."""

    code = "TF041"


class TrainingError(TickerflowError):
    """Training could not finish: not a finite loss, no epoch within the deadline."""

    code = "TF050"


class LeakageError(TickerflowError):
    """A pipeline that knows the future: what was perturbed after a bar moved what lies before it."""

    code = "TF052"


class BusySeriesError(TickerflowError):
    """Another process is training or promoting this series."""

    code = "TF051"
    retryable = True


class ArtifactError(TickerflowError):
    """A saved model that is missing a file, damaged, tampered with or not loadable safely."""

    code = "TF060"


class ArtifactFormatError(ArtifactError):
    """A meta.json of a format that this version does not know."""

    code = "TF061"


class NotPromotedError(TickerflowError):
    """No model is promoted for this series."""

    code = "TF062"


class ArtifactWriteError(TickerflowError):
    """saved_models or predictions could not be written (disk full, no permission)."""

    code = "TF063"
    retryable = True


class LedgerError(TickerflowError):
    """The ledger of scored forecasts could not be read or written."""

    code = "TF070"
    retryable = True


class StudyError(TickerflowError):
    """An evaluation or a tuning study that does not fit what is stored of it."""

    code = "TF071"


class PartError(TickerflowError):
    """A part of `tickerflow up` that cannot be kept alive."""

    code = "TF080"


class UnreadableArtifactError(ArtifactError):
    """The disk or the permissions are in the way: it says nothing about what the file holds."""

    code = "TF064"
    retryable = True

"""The command of `ml.training.train_lstm`: its options, and what it prints.

Every option of the training is a field of `ml.config.TrainConfig`. Heavy imports wait until the options
are known to be right, so that ``--help`` answers at once.
"""

import argparse
import signal
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from ml.config import Settings, TrainConfig
from ml.errors import (
    FeatureError,
    ModelError,
    NoDataError,
    SeriesNameError,
    TickerflowError,
    UsageError,
)
from ml.importing import without_collector
from ml.series import SeriesKey
from ml.training import ending

if TYPE_CHECKING:
    from ml.outcomes import TrainOutcome

_PATHS = ("raw_dir", "store_dir", "models_dir", "predictions_dir")


_WRONG_USE = (UsageError, NoDataError, SeriesNameError, FeatureError, ModelError)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status, as `ml.training.train_lstm.main` says."""
    try:
        outcome = _outcome(arguments)
    except BaseException as error:
        # Whatever became of a signal on its way: an import turns Terminated into a RuntimeError.
        number = ending.received() or (isinstance(error, KeyboardInterrupt) and signal.SIGINT)
        if number:
            print(ending.INTERRUPTED, file=sys.stderr)  # noqa: T201
            return 128 + number
        if not isinstance(error, TickerflowError):
            raise
        print(error, file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, _WRONG_USE) else 1
    _print_result(outcome)
    return 1 if outcome.status == "failed" else 0


def _outcome(arguments: Sequence[str] | None) -> "TrainOutcome":
    base = _base_settings()
    # What is not typed stays None, and is no choice: what was tuned then stands above the default.
    untyped = argparse.Namespace(**dict.fromkeys(TrainConfig.model_fields))
    options = _parser(base).parse_args(arguments, untyped)
    settings = _settings(options, base)
    return _run(SeriesKey.of(options.ticker, options.interval), settings)


def _parser(defaults: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.training.train_lstm",
        description="Train one series, judge it on test bars beside the random walk, and promote it.",
        epilog="Exit status: 0 done, 1 the series failed, 2 wrong use; 130 Ctrl-C, 143 SIGTERM.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--ticker", required=True, help="as in the raw file's name, such as AAPL")
    parser.add_argument("--interval", required=True, help="such as 1d or 1h")
    parser.add_argument("--force", action="store_true", help="promote whatever the figures say")
    for name in _PATHS:
        parser.add_argument(_flag(name), type=Path, default=getattr(defaults, name), help="folder")
    group = parser.add_argument_group("training")
    for name, field in TrainConfig.model_fields.items():
        group.add_argument(_flag(name), **_option(name, field, getattr(defaults.train, name)))
    return parser


def _option(name: str, field: FieldInfo, default: object) -> dict[str, Any]:
    description = (field.description or name).replace("%", "%%")
    if name == "features":
        shown = ",".join(default) if isinstance(default, tuple) else None
        return {"default": shown, "help": f"{description}; separated by commas", "metavar": "A,B,C"}
    choices = get_args(field.annotation)
    if choices:
        return {"default": default, "choices": choices, "help": description}
    kind = field.annotation if field.annotation in (int, float) else str
    return {"default": default, "type": kind, "help": description, "metavar": name.upper()}


def _base_settings() -> Settings:
    """What holds without options; raises `UsageError` for an environment or file that does not fit."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        problem = f"{name}: {first['msg']}, found {first['input']!r}"
    except (SettingsError, tomllib.TOMLDecodeError) as error:
        problem = str(error)
    raise UsageError(
        problem, hint="mend the environment's TICKERFLOW_ variable, or tickerflow.toml in this folder"
    )


def _settings(options: argparse.Namespace, base: Settings) -> Settings:
    typed = {name: getattr(options, name) for name in TrainConfig.model_fields}
    values = {name: value for name, value in typed.items() if value is not None}
    if "features" in values:
        values["features"] = tuple(
            part.strip() for part in values["features"].split(",") if part.strip()
        )
    try:
        train = TrainConfig.model_validate({**base.train.model_dump(exclude_unset=True), **values})
    except ValidationError as error:
        first = error.errors()[0]
        name = _flag(str(first["loc"][0])) if first["loc"] else "options"
        raise UsageError(
            f"{name}: {first['msg']}, found {first['input']!r}", hint="see --help for the bounds"
        ) from None
    return base.model_copy(
        update={
            "train": train,
            "promote": base.promote.model_copy(update={"force": options.force}),
            # Who names one series and its options wants it trained.
            "run": base.run.model_copy(update={"skip_unchanged": False}),
            **{name: getattr(options, name) for name in _PATHS},
        }
    )


def _run(key: SeriesKey, settings: Settings) -> "TrainOutcome":
    with without_collector():
        from ml.data.discovery import discover
        from ml.data.ingest import ingest_series
        from ml.evaluation.promotion import failed, promote_series
        from ml.features.indicators import feature_columns
        from ml.ledger.cards import with_card
        from ml.training.device import choose_device
        from ml.training.network import architecture
        from ml.training.progress import EpochBar
        from ml.training.trainer import train_series

    architecture(settings.train)
    choose_device(settings.train.device)
    if settings.train.features is not None:
        feature_columns(settings.train.features)
    ending.unwind()
    found = discover(settings.raw_dir, [key.ticker], [str(key.interval)])
    if found.series:
        failure = ingest_series(found.series[0], settings).failure
    else:  # its name differs from another's in case only
        failure = found.problems[0].failure
    if failure is None:
        with EpochBar(str(key), settings.train.epochs) as bar:
            challenger = train_series(key, settings, bar.update)
    ending.finish()
    if failure is not None:
        return failed(key, failure)
    return with_card(promote_series(challenger, settings), settings)


def _print_result(outcome: "TrainOutcome") -> None:
    from rich.console import Console

    from ml.training.progress import result_table

    if outcome.failure is not None:
        print(outcome.failure, file=sys.stderr)  # noqa: T201
        if outcome.model and outcome.reason != outcome.failure.message:
            print(outcome.reason, file=sys.stderr)  # noqa: T201
        return
    console = Console(highlight=False)
    console.print(result_table(outcome))
    console.print(outcome.reason, soft_wrap=True, markup=False)
    if outcome.card:
        console.print(f"model card: {outcome.card}", soft_wrap=True, markup=False)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")

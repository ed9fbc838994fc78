"""Turns the settings' groups into options of a command, and what was typed into settings.

Each field of ml.config is an option of the commands that it concerns: one place says its name, its
bounds and its help. An option that is not typed leaves the value to the environment, tickerflow.toml
and the default.
"""

import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from apps.environment import unknown_variables
from apps.errors import exit_status
from ml.config import (
    ApiConfig,
    EvaluateConfig,
    IngestConfig,
    PromoteConfig,
    RunConfig,
    Settings,
    TrainConfig,
    TuneConfig,
    UpConfig,
    WatchConfig,
)
from ml.errors import UsageError

GroupName = Literal["ingest", "train", "promote", "evaluate", "tune", "watch", "run", "api", "up"]

_GROUPS: Mapping[GroupName, tuple[str, type[BaseModel]]] = {
    "ingest": ("Reading", IngestConfig),
    "train": ("Training", TrainConfig),
    "promote": ("Promotion", PromoteConfig),
    "evaluate": ("Evaluation", EvaluateConfig),
    "tune": ("Tuning", TuneConfig),
    "watch": ("Watching", WatchConfig),
    "run": ("Run", RunConfig),
    "api": ("HTTP service", ApiConfig),
    "up": ("Parts", UpConfig),
}
FOLDERS = ("raw_dir", "store_dir", "models_dir", "predictions_dir")


@dataclass(frozen=True, slots=True)
class Call:
    """What every command is called with."""

    settings: Settings
    overrides: Mapping[str, Any]
    tickers: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()
    report: Path | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False


def command(
    app: typer.Typer,
    groups: Sequence[GroupName] = (),
    *,
    series: bool = False,
    report: bool = False,
    without: Sequence[str] = (),
) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Register a function that takes a `Call`, and options of its own, and returns the exit status.

    Args:
        groups: the settings' groups whose fields become options.
        series: whether ``--ticker`` and ``--interval`` make sense.
        report: whether ``--report`` does.
        without: fields of these groups that are no options of this command.
    """

    def register(function: Callable[..., int]) -> Callable[..., None]:
        options = [*_common(series, report), *_settings_options(groups)]
        shared = [option for option in options if option.name not in without]
        own = list(inspect.signature(function).parameters.values())[1:]

        def run(**typed: Any) -> None:
            arguments = {parameter.name: typed.pop(parameter.name) for parameter in own}
            debug = bool(typed.get("debug"))
            for warning in unknown_variables():
                typer.echo(f"warning: {warning}", err=True)
            raise typer.Exit(
                exit_status(lambda: function(_call(typed, groups), **arguments), debug=debug)
            )

        run.__doc__ = function.__doc__
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *shared]}
        app.command(name=function.__name__.replace("_", "-").strip("-"))(run)
        return run

    return register


def _option(name: str, annotation: Any, default: Any, *flags: str, **keywords: Any) -> inspect.Parameter:
    option = typer.Option(*flags, **keywords)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, option]
    )


def _common(series: bool, report: bool) -> Iterator[inspect.Parameter]:
    if series:
        yield _option("ticker", list[str], [], "--ticker", help="Only this ticker; repeatable")
        yield _option("interval", list[str], [], "--interval", help="Only this interval; repeatable")
    if report:
        yield _option(
            "report",
            Path | None,
            None,
            "--report",
            help="Write a JSON account of each series to this file",
        )
    yield _option("json", bool, False, "--json", help="The result as JSON on stdout")
    yield _option("quiet", bool, False, "--quiet", "-q", help="No progress, only the result")
    yield _option("debug", bool, False, "--debug", help="Tracebacks and the log")


def _settings_options(groups: Sequence[GroupName]) -> Iterator[inspect.Parameter]:
    for name in FOLDERS:
        yield _field_option(name, Settings.model_fields[name], "Folders")
    for group, names in _fields(groups).items():
        title, model = _GROUPS[group]
        for name in names:
            yield _field_option(name, model.model_fields[name], title)


def _fields(groups: Sequence[GroupName]) -> dict[GroupName, list[str]]:
    """The fields of each group; one of a name that an earlier group has is no option."""
    fields: dict[GroupName, list[str]] = {}
    taken: set[str] = set()
    for group in groups:
        fields[group] = [name for name in _GROUPS[group][1].model_fields if name not in taken]
        taken.update(fields[group])
    return fields


def _field_option(name: str, field: FieldInfo, panel: str) -> inspect.Parameter:
    flag = _flag(name)
    kind = _without_none(field.annotation)
    text = field.description or name
    if name == "skip_unchanged":
        return _option(
            name, bool, None, "--retrain", help="Train again what has not changed", rich_help_panel=panel
        )
    if kind is bool:
        if field.default is True:
            text = f"{text} (default {flag})"
            flag = f"{flag}/--no-{flag.removeprefix('--')}"
        return _option(name, bool | None, None, flag, help=text, rich_help_panel=panel)
    if get_origin(kind) is tuple:
        default = ",".join(map(str, field.default or ()))
        text = f"{text}; separated by commas, or repeated" + (f" (default {default})" if default else "")
        return _option(name, list[str], None, flag, help=text, rich_help_panel=panel)
    if field.default not in (None, ""):
        text = f"{text} (default {field.default})"
    return _option(name, Union[kind, None], None, flag, help=text, rich_help_panel=panel)  # noqa: UP007


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    is_optional = len(kinds) < len(get_args(annotation))
    return kinds[0] if is_optional else annotation


def _call(typed: dict[str, Any], groups: Sequence[GroupName]) -> Call:
    overrides: dict[str, Any] = {name: typed[name] for name in FOLDERS if typed.get(name) is not None}
    for group, names in _fields(groups).items():
        given = {name: typed[name] for name in names if typed.get(name) not in (None, [])}
        if "skip_unchanged" in given:
            given["skip_unchanged"] = not given["skip_unchanged"] if given["skip_unchanged"] else True
        for name, value in given.items():
            if isinstance(value, list):
                parts = (part.strip() for text in value for part in text.split(","))
                given[name] = tuple(part for part in parts if part)
        if given:
            overrides[group] = given
    if typed.get("report") is not None:
        from apps.report import check_report

        check_report(typed["report"])
    return Call(
        settings=load_settings(overrides),
        overrides=overrides,
        tickers=tuple(typed.get("ticker") or ()),
        intervals=tuple(typed.get("interval") or ()),
        report=typed.get("report"),
        json=bool(typed.get("json")),
        quiet=bool(typed.get("quiet")),
        debug=bool(typed.get("debug")),
    )


def load_settings(overrides: Mapping[str, Any]) -> Settings:
    """The settings with what was typed on top; raises `UsageError` that names the option or variable."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        loc = tuple(str(part) for part in first["loc"])
        raise UsageError(
            f"{_where(loc, overrides)}: {first['msg']}, found {first['input']!r}",
            hint="tickerflow config show names each value and its source",
        ) from None
    except SettingsError as error:
        raise UsageError(f"{error}", hint='lists are JSON there, such as ["close", "rsi_14"]') from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"expected TOML: {error}", where="tickerflow.toml") from error


def _where(loc: Sequence[str], overrides: Mapping[str, Any]) -> str:
    typed: Any = overrides
    for depth, part in enumerate(loc):
        if not isinstance(typed, Mapping):  # a list was typed, and one of its items is wrong
            return _flag(loc[depth - 1])
        if part not in typed:
            return "TICKERFLOW_" + "__".join(loc).upper() + " or tickerflow.toml"
        typed = typed[part]
    return _flag(loc[-1])


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")

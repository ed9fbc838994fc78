"""What a run can be asked for: the form in Prefect's UI, and the schema that its server enforces.

The groups are those of ml.config. What a run leaves out is taken from the settings (environment,
tickerflow.toml), so ``{"train": {"epochs": 3}}`` changes the epochs and nothing else.

What is set here stands above what was tuned for a series (`ml.artifacts.tuned`), so ``train`` keeps
which of its fields were set: by the environment, the file, the command line, or a form. A form sends
all its fields back, and a value that is left as it stands is no choice.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml.config import (
    EvaluateConfig,
    IngestConfig,
    PromoteConfig,
    RunConfig,
    Settings,
    TrainConfig,
    TuneConfig,
    WatchConfig,
    check_over,
)
from ml.errors import ModelError
from ml.features.indicators import feature_columns
from ml.forecasting.spec import MAX_STEPS
from models import architectures

_DEFAULTS = Settings()
_GROUPS = ("ingest", "train", "promote", "evaluate", "tune", "watch", "run")


def _position(position: int) -> dict[str, Any]:
    return {"position": position}


class Folders(BaseModel):
    """Where data is read and written; relative to the folder that the run starts in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw_dir: Path = Field(_DEFAULTS.raw_dir, description="Folder of raw CSVs")
    store_dir: Path = Field(_DEFAULTS.store_dir, description="Folder of normalised bars")
    models_dir: Path = Field(_DEFAULTS.models_dir, description="Folder of promoted models")
    predictions_dir: Path = Field(_DEFAULTS.predictions_dir, description="Folder of forecast files")


class TrainForm(TrainConfig):
    """`TrainConfig`, with the architectures there are as a choice in the form."""

    model: str = Field(
        _DEFAULTS.train.model,
        description="Architecture",
        json_schema_extra={"enum": list(architectures())},
    )


class Params(BaseModel):
    """What both flows take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tickers: tuple[str, ...] = Field(
        (), description="Tickers, such as AAPL; none means all", json_schema_extra=_position(0)
    )
    intervals: tuple[str, ...] = Field(
        (), description="Intervals, such as 1d or 1h; none means all", json_schema_extra=_position(1)
    )
    ingest: IngestConfig = Field(
        _DEFAULTS.ingest, description="How raw files are read", json_schema_extra=_position(5)
    )
    run: RunConfig = Field(
        _DEFAULTS.run, description="How the series are shared out", json_schema_extra=_position(6)
    )
    folders: Folders = Field(
        Folders(), description="Where the files are", json_schema_extra=_position(7)
    )

    @model_validator(mode="before")
    @classmethod
    def _over_the_settings(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        settings = Settings()
        groups = {name: getattr(settings, name).model_dump() for name in _GROUPS}
        groups["train"] = settings.train.model_dump(exclude_unset=True)
        if isinstance(form := given.get("train"), Mapping):
            given = {**given, "train": _changed(form, settings.train)}
        groups["folders"] = {name: getattr(settings, name) for name in Folders.model_fields}
        return {
            **given,
            **{
                name: {**group, **_as_dict(given.get(name, {}))}
                for name, group in groups.items()
                if name in cls.model_fields
            },
        }

    @classmethod
    def of(
        cls, settings: Settings, tickers: Sequence[str] = (), intervals: Sequence[str] = (), **more: Any
    ) -> Self:
        """The parameters of a run with exactly these settings."""
        groups = {name: getattr(settings, name) for name in _GROUPS if name in cls.model_fields}
        folders = {name: getattr(settings, name) for name in Folders.model_fields}
        return cls(tickers=tuple(tickers), intervals=tuple(intervals), folders=folders, **groups, **more)

    @property
    def title(self) -> str:
        """Which series, for the name of the run."""
        names = ", ".join(self.tickers[:4]) + (" ..." if len(self.tickers) > 4 else "")
        return " ".join([names or "all series", *self.intervals])

    def settings(self) -> Settings:
        """All settings of this run."""
        groups: dict[str, Any] = {
            name: _as_dict(getattr(self, name)) for name in _GROUPS if name in type(self).model_fields
        }
        return Settings(**self.folders.model_dump(), **groups)


def _as_dict(group: Any) -> Mapping[str, Any]:
    """A group's fields; of the training's those that were set."""
    if isinstance(group, BaseModel):
        return group.model_dump(exclude_unset=isinstance(group, TrainConfig))
    return cast("Mapping[str, Any]", group)


def _changed(form: Mapping[str, Any], present: TrainConfig) -> dict[str, Any]:
    """What a form holds beside the settings' values; tuples are lists there."""
    values = present.model_dump(mode="json")
    return {
        name: value
        for name, value in form.items()
        if name not in values or values[name] != (list(value) if isinstance(value, tuple) else value)
    }


class TrainParams(Params):
    """Parameters of train-universe."""

    train: TrainForm = Field(
        TrainForm(**_DEFAULTS.train.model_dump()),
        description="What is trained, and how",
        json_schema_extra=_position(2),
    )
    promote: PromoteConfig = Field(
        _DEFAULTS.promote, description="When a challenger is promoted", json_schema_extra=_position(3)
    )
    watch: WatchConfig = Field(
        _DEFAULTS.watch, description="When a model is too old", json_schema_extra=_position(4)
    )

    def check_names(self) -> None:
        """Raise for what no series could be trained with.

        Raises:
            ModelError, FeatureError: an unknown name.
            UsageError: steps to decide on that are not forecast.
        """
        check_over(self.train, self.promote)
        if self.train.model not in architectures():
            raise ModelError(
                f"expected a model of {', '.join(architectures())}, found {self.train.model!r}",
                hint="choose one of them; adding an architecture is one file in models/",
            )
        if self.train.features is not None:
            feature_columns(self.train.features)


class EvaluateParams(TrainParams):
    """Parameters of evaluate-universe; the architecture and features of ``train`` play no part."""

    evaluate: EvaluateConfig = Field(
        _DEFAULTS.evaluate, description="What is compared, and where", json_schema_extra=_position(4)
    )


class TuneParams(Params):
    """Parameters of tune-universe."""

    tune: TuneConfig = Field(
        _DEFAULTS.tune, description="What is tried, and on what", json_schema_extra=_position(2)
    )
    train: TrainForm = Field(
        TrainForm(**_DEFAULTS.train.model_dump()),
        description="What is compared with; a value that is changed here is not searched",
        json_schema_extra=_position(3),
    )


class ForecastParams(Params):
    """Parameters of forecast-universe."""

    n_steps: int = Field(
        _DEFAULTS.train.horizon,
        ge=1,
        le=MAX_STEPS,
        description="Bars to forecast",
        json_schema_extra=_position(2),
    )
    watch: WatchConfig = Field(
        _DEFAULTS.watch, description="When a model is too old", json_schema_extra=_position(3)
    )


class ScoreParams(Params):
    """Parameters of score-universe."""

    watch: WatchConfig = Field(
        _DEFAULTS.watch, description="When a champion is found wanting", json_schema_extra=_position(2)
    )

"""Every setting of Tickerflow: where it comes from, what it may be, what it is by default.

A value is taken from the first place that has it: the command line, the environment
(``TICKERFLOW_RAW_DIR``, ``TICKERFLOW_TRAIN__EPOCHS``), the file ``tickerflow.toml``, the default here.
"""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ml.errors import UsageError

Device = Literal["auto", "cpu", "cuda"]
ScalerName = Literal["minmax", "standard", "robust"]
LossName = Literal["huber", "mae", "mse"]
Engine = Literal["auto", "single", "fleet"]
Mode = Literal["scratch", "warm", "refit"]
Standing = Literal["worse", "undecided", "not_worse", "better"]

DEFAULT_FEATURES = (
    "close",
    "open",
    "high",
    "low",
    "volume",
    "rsi_14",
    "sma_20",
    "obv",
    "macd_12_26_9",
    "stoch_14_3_3",
)


MAX_FEATURES = 256


class Frozen(BaseModel):
    """Base of the settings groups: immutable, finite; an unknown name is an error, not a typo."""

    # Finite, for they are recorded as JSON.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class IngestConfig(Frozen):
    """How raw CSVs are read and judged."""

    timezone: str = Field("UTC", description="Zone of intraday stamps without an offset")
    max_bad_share: float = Field(
        0.25, ge=0, le=1, description="A series fails when more than this share of its rows is bad"
    )
    overrides: Path | None = Field(
        None, description="TOML file of explicit readings; by default overrides.toml in the raw folder"
    )
    max_file_bytes: int = Field(2**31, gt=0, description="A larger CSV is refused")
    calendar: str = Field(
        "auto", description="auto, 24/7, fx, or a code of exchange_calendars such as XNYS"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("unknown time zone; write one such as UTC or America/New_York") from error
        return zone


class TrainConfig(Frozen):
    """What is trained, and how. All of it is recorded in meta.json."""

    mode: Mode = Field(
        "scratch",
        description="scratch trains anew, warm goes on from the champion's weights, refit fits the "
        "champion's configuration on all bars up to today",
    )
    model: str = Field("lstm", description="Architecture: lstm, gru, cnn_lstm, naive or drift")
    features: tuple[str, ...] | None = Field(
        None,
        description="Feature names; none means the default set, without volume where there is none",
    )
    seq_len: int = Field(60, ge=2, le=2000, description="Bars that attention looks back on (the window)")
    warm_up: int = Field(
        20, ge=0, le=2000, description="Bars before the window from which the network's state settles"
    )
    horizon: int = Field(10, ge=1, le=500, description="Steps that the network forecasts directly")
    epochs: int = Field(30, ge=1, le=10_000, description="Epochs at most; early stopping ends sooner")
    patience: int = Field(8, ge=1, description="Epochs without improvement before training stops")
    batch_size: int = Field(1024, ge=1, le=65_536, description="Windows in a training step")
    chunk: int = Field(
        64,
        ge=1,
        le=4096,
        description="Windows that one reading of the bars trains, at most a batch; 1 reads each anew",
    )
    learning_rate: float = Field(7e-4, gt=0, le=1, description="AdamW's learning rate")
    weight_decay: float = Field(0.1, ge=0, le=1, description="AdamW's weight decay")
    hidden_size: int = Field(24, ge=1, le=4096, description="Units of a recurrent layer")
    num_layers: int = Field(1, ge=1, le=16, description="Recurrent layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout before the output layer")
    loss: LossName = Field("huber", description="Training loss, in volatility units")
    scaler: ScalerName = Field("minmax", description="Scaler of the features, fitted on training bars")
    seed: int = Field(7, ge=0, lt=2**32, description="Seed of weights, shuffling and dropout")
    clip_norm: float = Field(1.0, gt=0, description="Largest norm of the gradient")
    val_share: float = Field(0.15, gt=0, lt=0.5, description="Share of bars for validation")
    test_share: float = Field(0.2, gt=0, lt=0.5, description="Share of bars for the test, the newest")
    deadline_seconds: float = Field(600, gt=0, description="Wall clock for one series' training")
    device: Device = Field("auto", description="auto takes CUDA where there is one")
    threads: int = Field(1, ge=1, le=256, description="torch threads of one training")
    engine: Engine = Field(
        "auto",
        description="single trains one series at a time, fleet many at once; auto takes the faster",
    )


class PromoteConfig(Frozen):
    """When a challenger replaces the champion."""

    versus_walk: Standing = Field(
        "undecided", description="Least verdict against the random walk that is promoted"
    )
    versus_champion: Standing = Field(
        "undecided", description="Least verdict against the champion that is promoted"
    )
    level: float = Field(0.05, gt=0, lt=0.5, description="Significance level of each verdict")
    margin: float = Field(
        0.01, ge=0, le=1, description="Relative MAE that 'not worse' may be behind, at this level"
    )
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 5, 10), max_length=32, description="Steps with a verdict of their own, beside the horizon"
    )
    over: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), max_length=32, description="Steps whose mean error decides; none means the whole horizon"
    )
    min_windows: int = Field(
        60,
        ge=10,
        description="Test windows after the champion's last learnt bar; with fewer it is refitted",
    )
    force: bool = Field(False, description="Promote whatever the figures say; recorded in meta.json")
    lock_seconds: float = Field(
        600, ge=0, description="How long to wait for another training of the same series"
    )


class WatchConfig(Frozen):
    """How what serves is watched: the ledger of past forecasts, expiry, demotion."""

    max_age_days: float = Field(
        0, ge=0, description="A model is expired this many days after its training; 0: never"
    )
    max_age_bars: int = Field(
        0, ge=0, description="A model is expired this many bars after the last it knew; 0: never"
    )
    level: float = Field(0.01, gt=0, lt=0.5, description="Significance level of a live alarm")
    min_forecasts: int = Field(
        20, ge=5, description="Scored forecasts of a model before it can be found wanting"
    )
    demote: bool = Field(
        True, description="Demote a champion to the baseline when its live skill is lost"
    )


class EvaluateConfig(Frozen):
    """What ``tickerflow evaluate`` compares, and on which stretches of the bars."""

    models: tuple[str, ...] = Field((), description="Architectures; none means every one there is")
    feature_sets: dict[str, tuple[str, ...]] = Field(
        {"close": ("close",), "default": ()},
        description="Feature sets by name; an empty one means the default set",
    )
    folds: int = Field(4, ge=1, le=1000, description="How often each model is fitted again")
    fold_bars: int = Field(
        0, ge=0, description="Bars from one refit to the next; 0 cuts the test share into equal parts"
    )
    window: int = Field(
        0, ge=0, description="Newest bars that each refit learns from (sliding); 0: all (expanding)"
    )
    spacing: int = Field(1, ge=1, description="Bars between neighbouring forecasts")
    max_bars: int = Field(0, ge=0, description="Newest bars of a series that count at all; 0: all")
    output: Path = Field(
        Path("evaluations/latest"), description="Folder of results; what is there is not done again"
    )


class TuneConfig(Frozen):
    """What a tuning tries, and how it judges."""

    trials: int = Field(
        30, ge=2, le=10_000, description="Trials in total; an interrupted study goes on up to there"
    )
    folds: int = Field(
        3, ge=1, le=24, description="Walk-forward folds before the test bars; one more confirms the best"
    )
    models: tuple[str, ...] = Field(
        ("lstm", "gru", "cnn_lstm"), min_length=1, max_length=32, description="Architectures to try"
    )
    feature_sets: tuple[str, ...] = Field(
        ("default", "close", "prices", "momentum", "volatility", "volume", "calendar"),
        min_length=1,
        max_length=64,
        description="Named sets of features to try, or features joined by +, such as close+rsi_14",
    )
    search: tuple[str, ...] = Field(
        (),
        max_length=32,
        description="Only these values are searched, such as learning_rate; none means all that are "
        "not set",
    )
    pruner: Literal["median", "none"] = Field(
        "median", description="median gives up trials that are behind the median after a fold"
    )
    group: str = Field(
        "",
        max_length=64,
        pattern=r"^([a-z0-9][a-z0-9_-]*)?$",
        description="Name of a group: one configuration for all series asked for, of each interval",
    )
    sample: int = Field(
        8, ge=1, le=1000, description="Series of a group that the study is run on, drawn by the seed"
    )


class RunConfig(Frozen):
    """How a universe is run."""

    workers: int = Field(2, ge=1, le=256, description="Processes or threads that handle shards")
    runner: Literal["auto", "threads", "processes"] = Field(
        "auto", description="Prefect task runner; auto takes processes when there is enough work"
    )
    shard_size: int = Field(0, ge=0, description="Series a task handles; 0 chooses by their number")
    fleet_size: int = Field(
        0, ge=0, description="Series that train at once on the fleet engine; 0 chooses by free memory"
    )
    max_failed_share: float = Field(
        0.5, ge=0, le=1, description="The flow run fails when more than this share of series failed"
    )
    plots: Literal["auto", "always", "never"] = Field(
        "auto", description="Draw training and forecasts; auto does for runs of up to 50 series"
    )
    skip_unchanged: bool = Field(
        True, description="Do not train the same bars with the same configuration twice"
    )
    use_tuned: bool = Field(True, description="Train with what `tickerflow tune` found, where it did")


class ApiConfig(Frozen):
    """The HTTP service."""

    host: str = Field("127.0.0.1", description="Address that the HTTP service listens on")
    port: int = Field(8000, ge=0, le=65_535, description="Its port; 0 takes a free one")
    cors_origins: tuple[str, ...] = Field(
        (), max_length=64, description="Origins whose pages may read it, such as https://example.org"
    )
    max_queued: int = Field(
        32, ge=1, le=10_000, description="Trainings that may wait; more are refused with 429"
    )
    max_upload_mb: int = Field(64, ge=1, le=1024, description="Largest CSV that can be uploaded, in MB")
    header_seconds: float = Field(
        10, gt=0, le=120, description="A client that takes longer to send its headers is cut off"
    )
    body_seconds: float = Field(10, gt=0, le=600, description="The same for a request's body")


class UpConfig(Frozen):
    """What `tickerflow up` starts, and how new files are noticed."""

    prefect: bool = Field(
        True, description="Start a Prefect server where PREFECT_API_URL names none, and a worker"
    )
    dashboard: bool = Field(True, description="Start the dashboard")
    prefect_port: int = Field(4200, ge=0, le=65_535, description="Port of the Prefect server")
    dashboard_port: int = Field(8501, ge=0, le=65_535, description="Port of the dashboard")
    notice: Literal["events", "poll", "off"] = Field(
        "events",
        description="How files in the raw folder are noticed: by events, by looking (network "
        "drives), or only by the schedules of prefect.yaml",
    )
    poll_seconds: float = Field(5, gt=0, le=3600, description="How often poll looks")
    settle_seconds: float = Field(
        2, gt=0, le=600, description="A file that has not changed for so long is complete"
    )
    catch_up: bool = Field(
        True, description="At the start, train what has no model and forecast what has changed"
    )
    stop_seconds: float = Field(
        20, ge=0, le=3600, description="How long runs may go on after Ctrl-C before they are ended"
    )
    logs_dir: Path = Field(Path("logs"), description="Folder of the parts' logs")


def check_over(train: TrainConfig, promote: PromoteConfig) -> None:
    """Raise `UsageError` where promotion is to be decided on steps that the training does not forecast.

    A refit has its champion's horizon, whatever ``train`` says.
    """
    last = max(promote.over, default=0)
    if train.mode != "refit" and last > train.horizon:
        raise UsageError(
            f"expected --over to name steps of the horizon, 1 to {train.horizon}, found {last}",
            hint="name earlier ones, or train a longer --horizon",
        )


class Settings(BaseSettings):
    """All settings together; immutable."""

    model_config = SettingsConfigDict(
        env_prefix="TICKERFLOW_",
        env_nested_delimiter="__",
        toml_file="tickerflow.toml",
        frozen=True,
        extra="forbid",
    )

    raw_dir: Annotated[Path, Field(description="Folder of raw CSVs")] = Path(
        "data-pipelines/feature_stores/data/raw"
    )
    store_dir: Annotated[Path, Field(description="Folder of normalised bars (parquet)")] = Path(
        "data-pipelines/feature_stores/data/store"
    )
    models_dir: Annotated[Path, Field(description="Folder of promoted models")] = Path("saved_models")
    predictions_dir: Annotated[Path, Field(description="Folder of forecast files")] = Path("predictions")

    ingest: IngestConfig = IngestConfig()
    train: TrainConfig = TrainConfig()
    promote: PromoteConfig = PromoteConfig()
    watch: WatchConfig = WatchConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    tune: TuneConfig = TuneConfig()
    run: RunConfig = RunConfig()
    api: ApiConfig = ApiConfig()
    up: UpConfig = UpConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

"""Tuned configurations: what a study found for a series or for a group, kept beside the models.

    tuned/{stem}.json          of one series
    tuned/groups/{stem}.json   of the series that it lists; {name}_{interval}
    tuning/                    the studies themselves (`ml.tuning`)

A training uses what the user set, then what was tuned for the series, then what was tuned for its newest
group, then the defaults. The files come from a disk, so each value in them is bounded and checked; a
damaged one is an error, for training on without it would silently give another model.
"""

import os
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from ml.artifacts.files import read_bytes, writing
from ml.config import TrainConfig
from ml.data.atomic import write_text
from ml.errors import ArtifactError
from ml.series import SeriesKey

FORMAT = 1
TUNABLE = (
    "model",
    "features",
    "seq_len",
    "hidden_size",
    "num_layers",
    "dropout",
    "learning_rate",
    "weight_decay",
)
GROUP_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_MAX_BYTES = 4 * 2**20
_MAX_SERIES = 20_000

Stem = Annotated[str, Field(max_length=256)]


class Compared(BaseModel):
    """Mean absolute error relative to the random walk's (1 - skill): tuned, and the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tuned: float = Field(ge=0)
    defaults: float = Field(ge=0)

    @property
    def is_better(self) -> bool:
        """Whether the tuned configuration is ahead."""
        return self.tuned < self.defaults


class Tuned(BaseModel):
    """What a study found, and what that rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=4096)

    format: Literal[1] = 1
    group: str = Field("", max_length=64, description="Name of the group; empty for one series")
    members: tuple[Stem, ...] = Field(min_length=1, max_length=_MAX_SERIES)
    sample: tuple[Stem, ...] = Field(
        min_length=1, max_length=_MAX_SERIES, description="Members that the study was run on"
    )
    values: dict[str, JsonValue] = Field(description="Fields of TrainConfig and their values")
    searched: Compared = Field(description="On the folds that the search saw")
    confirmed: Compared = Field(description="On a later fold, which the search did not see")
    folds: int = Field(ge=1, le=64)
    study: str = Field(max_length=64, description="Identity of the study")
    trials: int = Field(ge=1, le=10**6)
    pruned: int = Field(ge=0, le=10**6)
    created: AwareDatetime
    fingerprint: str = Field(max_length=128, description="sha256 of the bars before each test")

    @model_validator(mode="after")
    def _trainable(self) -> Self:
        unknown = sorted(self.values.keys() - set(TUNABLE))
        if unknown:
            raise ValueError(f"values that are not tuned: {', '.join(unknown)[:200]}")
        TrainConfig.model_validate(self.values)
        return self

    @cached_property
    def stems(self) -> frozenset[str]:
        """The members, to look one up."""
        return frozenset(self.members)

    @property
    def name(self) -> str:
        """What it was tuned for, in words."""
        return f"group {self.group}" if self.group else self.members[0]

    def note(self) -> str:
        """One line for meta.json."""
        return f"{self.name}, study {self.study} of {self.created:%Y-%m-%d}, {self.trials} trials"


def series_path(models_dir: Path, key: SeriesKey) -> Path:
    """Where the configuration of one series lies."""
    return Path(models_dir) / "tuned" / f"{key.stem}.json"


def group_path(models_dir: Path, key: SeriesKey) -> Path:
    """Where the configuration of a group lies: its name stands as the ticker."""
    return Path(models_dir) / "tuned" / "groups" / f"{key.stem}.json"


def write_tuned(path: Path, tuned: Tuned) -> None:
    """Replace a tuned configuration, atomically; raises `ArtifactWriteError`."""
    with writing(path):
        write_text(path, tuned.model_dump_json(indent=1) + "\n")


def remove_tuned(path: Path) -> None:
    """Take a tuned configuration away; raises `ArtifactWriteError`."""
    with writing(path):
        path.unlink(missing_ok=True)


def tuned_for(models_dir: Path, key: SeriesKey) -> Tuned | None:
    """What was tuned for a series: its own, else that of the newest group that lists it.

    Raises `ArtifactError` for a file that is damaged: which series it lists is then not known.
    """
    root = Path(models_dir)
    own = read_tuned(series_path(root, key), root)
    if own is not None:
        return own
    folder = root / "tuned" / "groups"
    groups = (read_tuned(folder / name, root) for name in _names(folder) if name.endswith(".json"))
    mine = [group for group in groups if group is not None and key.stem in group.stems]
    return max(mine, key=lambda group: (group.created, group.group), default=None)


def tuned_values(models_dir: Path, key: SeriesKey) -> dict[str, Any]:
    """Fields of `TrainConfig` and their tuned values; empty where nothing was tuned for the series.

    Raises `ArtifactError` as `tuned_for`.
    """
    tuned = tuned_for(models_dir, key)
    return {} if tuned is None else dict(tuned.values)


def with_tuned(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """The configuration with tuned values where the user set none (``config.model_fields_set``).

    Values were found together: where the user names another architecture than the tuned one, none of
    them is used. The fields that the user set stay the only ones in ``model_fields_set``.
    """
    explicit = config.model_fields_set
    if not values or ("model" in explicit and values.get("model", config.model) != config.model):
        return config
    chosen = {name: value for name, value in values.items() if name not in explicit}
    merged = TrainConfig.model_validate({**config.model_dump(), **chosen})
    # A pydantic copy would count them as set by the user, who did not.
    return type(config).model_construct(_fields_set=set(explicit), **dict(merged))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  # asked for each of thousands of series
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_tuned(path: Path, root: Path) -> Tuned | None:
    """The tuned configuration of a file inside ``root``; None where there is none.

    Raises `ArtifactError` for anything but what `write_tuned` wrote.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _parse(path, root, found.st_mtime_ns, found.st_size)


# A universe asks for the same group once a series.
@lru_cache(maxsize=64)
def _parse(path: Path, root: Path, _modified: int, _size: int) -> Tuned:
    try:
        return Tuned.model_validate_json(read_bytes(path, root, _MAX_BYTES))
    except ValidationError as error:
        raise ArtifactError(
            f"expected a tuned configuration that Tickerflow wrote, found other: "
            f"{error.errors()[0]['msg']}",
            hint="tune again, or remove the file to train with the defaults",
            where=str(path),
        ) from error

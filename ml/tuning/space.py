"""What a tuning may choose: the values of a configuration that no one has set, and their ranges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import models
from ml.artifacts.tuned import TUNABLE
from ml.config import TrainConfig, TuneConfig
from ml.errors import ModelError, UsageError
from ml.features.indicators import feature_columns, required_columns

if TYPE_CHECKING:
    from optuna import Trial

# None is the training's default set, which knows for each series whether there is volume.
FEATURE_SETS: Mapping[str, tuple[str, ...] | None] = {
    "default": None,
    "close": ("close",),
    "prices": ("close", "open", "high", "low"),
    "momentum": ("close", "rsi_14", "macd_12_26_9", "stoch_14_3_3"),
    "volatility": ("close", "high", "low", "volatility_20", "natr_14"),
    "volume": ("close", "volume", "obv", "mfi_14"),
    "calendar": ("close", "day_of_week", "day_of_month"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names."""

    values: tuple[str, ...]

    def suggest(self, trial: "Trial", name: str) -> Any:
        """What the sampler proposes."""
        return trial.suggest_categorical(name, self.values)

    def holds(self, value: Any) -> bool:
        """Whether a value can be proposed."""
        return value in self.values

    def including(self, value: Any) -> "Choice":
        """With a value among them."""
        return self if value in self.values else Choice((value, *self.values))


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones where both are."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: "Trial", name: str) -> Any:
        """What the sampler proposes."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Whether a value can be proposed."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def including(self, value: Any) -> "Range":
        """Widened to a value; a 0 has no logarithm."""
        return Range(min(self.low, value), max(self.high, value), self.log and value > 0)


# Around the defaults, as wide as a few hundred to a few thousand bars can bear.
_RANGES: Mapping[str, Range] = {
    "seq_len": Range(16, 128, log=True),
    "hidden_size": Range(8, 64, log=True),
    "num_layers": Range(1, 2),
    "dropout": Range(0.0, 0.5),
    "learning_rate": Range(1e-4, 1e-2, log=True),
    "weight_decay": Range(1e-3, 0.5, log=True),
}


@dataclass(frozen=True)
class Space:
    """The values to search, by name, and the configuration that they are set in.

    Attributes:
        base: the defaults, and what the user set: what a study is compared with.
        searched: names of the fields of `TrainConfig`; ``features`` are names of sets.
    """

    base: TrainConfig
    searched: Mapping[str, Choice | Range]

    def suggest(self, trial: "Trial") -> dict[str, Any]:
        """The sampler's proposal, by name."""
        return {name: values.suggest(trial, name) for name, values in self.searched.items()}

    def values(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of `TrainConfig` from what was proposed: a set's name becomes its features."""
        values = dict(chosen)
        if "features" in values:
            values["features"] = features_of(values["features"])
        return values

    def config(self, chosen: Mapping[str, Any]) -> TrainConfig:
        """The base with what was proposed."""
        return TrainConfig.model_validate({**self.base.model_dump(), **self.values(chosen)})

    def defaults(self) -> dict[str, Any]:
        """The base's own values, as the sampler would propose them."""
        return {
            name: "default" if name == "features" else getattr(self.base, name) for name in self.searched
        }

    def proposal(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The proposal that gives these fields; None where they lie outside the space."""
        chosen = {**self.defaults(), **{name: values[name] for name in self.searched if name in values}}
        if "features" in self.searched and "features" in values:
            wanted = None if values["features"] is None else tuple(values["features"])
            sets = self.searched["features"]
            assert isinstance(sets, Choice)
            chosen["features"] = next((s for s in sets.values if features_of(s) == wanted), None)
        inside = all(self.searched[name].holds(value) for name, value in chosen.items())
        return chosen if inside else None

    def identity(self) -> dict[str, Any]:
        """All that decides which proposals there are, as plain data."""
        return {name: repr(values) for name, values in self.searched.items()}


def make_space(base: TrainConfig, tune: TuneConfig, *, has_volume: bool) -> Space:
    """The values to search: what is tunable and not set by the user (``base.model_fields_set``).

    Args:
        base: the defaults, and what the user set.
        tune: architectures and sets to try.
        has_volume: whether every series has volume; sets that need it are left out where not.

    Raises:
        UsageError: nothing is left to search, or a name that is none of `TUNABLE`.
        ModelError, FeatureError: a name of an architecture or of a feature that there is not.
    """
    unknown = [name for name in tune.search if name not in TUNABLE]
    if unknown:
        raise UsageError(
            f"expected values to search of {', '.join(TUNABLE)}, found {', '.join(unknown)}",
            hint="name some of them with --search, or leave it out to search all",
        )
    wanted = tune.search or TUNABLE
    names = [name for name in TUNABLE if name in wanted and name not in base.model_fields_set]
    searched: dict[str, Choice | Range] = {}
    for name in names:
        if name == "model":
            searched[name] = _architectures(tune.models, base.model)
        elif name == "features":
            searched[name] = _feature_sets(tune.feature_sets, has_volume)
        else:
            searched[name] = _RANGES[name].including(getattr(base, name))
    if not searched or ("model" not in searched and _is_baseline(base.model)):
        raise UsageError(
            "expected something to search, found every value set"
            if not searched
            else f"expected an architecture that is trained, found {base.model}",
            hint="leave out options such as --model or --hidden-size that fix what is to be searched",
        )
    return Space(base, searched)


def features_of(name: str) -> tuple[str, ...] | None:
    """The features of a named set, or of names joined by ``+``; None for the training's default set."""
    return FEATURE_SETS[name] if name in FEATURE_SETS else tuple(name.split("+"))


def _architectures(names: Sequence[str], default: str) -> Choice:
    known = models.architectures()
    for name in names:
        if name not in known or _is_baseline(name):
            trained = [one for one in known if not _is_baseline(one)]
            raise ModelError(
                f"expected architectures that are trained, found {name!r}",
                hint=f"choose among {', '.join(trained)} with --models",
            )
    return Choice(tuple(dict.fromkeys(names))).including(default)


def _feature_sets(names: Sequence[str], has_volume: bool) -> Choice:
    usable = []
    for name in names:
        features = features_of(name)
        if features is not None:
            feature_columns(features)  # raises for a name that there is not
            if not has_volume and "volume" in required_columns(features):
                continue
        usable.append(name)
    return Choice(tuple(dict.fromkeys(usable))).including("default")


def _is_baseline(name: str) -> bool:
    known = models.architectures()
    return name in known and known[name].solve is not None

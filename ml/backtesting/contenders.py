"""Who takes part: each architecture with each feature set, a baseline once."""

import re
from dataclasses import dataclass

import models
from ml.config import EvaluateConfig, TrainConfig
from ml.errors import ModelError, UsageError
from ml.features.indicators import feature_columns
from ml.training.network import architecture, network_config

_SET = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
# A baseline reads the last close and nothing else.
_BASELINE_FEATURES = ("close",)


@dataclass(frozen=True, slots=True)
class Contender:
    """One configuration that takes part.

    Attributes:
        model: the architecture.
        features: name of the feature set; empty for a baseline.
        config: what is trained at each refit.
    """

    model: str
    features: str
    config: TrainConfig

    @property
    def name(self) -> str:
        """``lstm-close``, ``naive``; also a folder's name."""
        return f"{self.model}-{self.features}" if self.features else self.model


def contenders(plan: EvaluateConfig, train: TrainConfig) -> tuple[Contender, ...]:
    """Every architecture with every feature set, trained from scratch; all else is as ``train`` says.

    Raises:
        UsageError: a name of a feature set that is no name.
        ModelError: an unknown architecture, or sizes that it cannot have.
        FeatureError: an unknown feature.
    """
    _check_sets(plan)
    found: list[Contender] = []
    for model in plan.models or models.architectures():
        config = train.model_copy(update={"mode": "scratch", "model": model})
        network_config(config)
        if architecture(config).solve is not None:
            found.append(Contender(model, "", _with_features(config, _BASELINE_FEATURES)))
            continue
        for name, features in plan.feature_sets.items():
            found.append(Contender(model, name, _with_features(config, features)))
    names = [contender.name for contender in found]
    if len(set(names)) < len(names):
        raise ModelError(
            f"expected each architecture once, found {', '.join(plan.models)}",
            hint="name each with one --model",
        )
    return tuple(found)


def _with_features(config: TrainConfig, features: tuple[str, ...]) -> TrainConfig:
    return config.model_copy(update={"features": features or None})


def _check_sets(plan: EvaluateConfig) -> None:
    if not plan.feature_sets:
        raise UsageError("expected at least one feature set, found none", hint=_HINT)
    for name, features in plan.feature_sets.items():
        if not _SET.fullmatch(name):
            raise UsageError(
                f"expected a feature set's name of lower case letters, digits and _, found {name!r}",
                hint=_HINT,
            )
        if features:
            feature_columns(features)


_HINT = "write it as --feature-set name=close,rsi_14; default= alone means the default features"

"""``GET /ml/options``: what a training can be asked for, read from the registries.

A new architecture or a new feature appears here by itself.
"""

import inspect
from typing import Final, get_args

from fastapi import APIRouter
from pydantic import BaseModel, Field

from apps.http.context import TheSettings
from apps.http.problems import answers
from ml.config import DEFAULT_FEATURES, Mode, TrainConfig
from ml.features.registry import REGISTRY, Indicator, Kind
from ml.tuning.space import FEATURE_SETS
from models import Architecture, architectures

router = APIRouter(tags=["training"])

_GROUPS: Final = {
    Kind.CLOSE: "prices and averages",
    Kind.LEVEL: "prices and averages",
    Kind.DIFFERENCE: "price differences",
    Kind.PERCENT: "oscillators",
    Kind.PLAIN: "returns",
}


class ModelOption(BaseModel):
    """An architecture."""

    name: str
    description: str
    baseline: bool = Field(description="Whether it is computed, not trained in epochs")


class FeatureOption(BaseModel):
    """A feature, with its usual numbers."""

    name: str = Field(description="Such as rsi_14; the numbers may be others")
    pattern: str = Field(description="The name with its parameters, such as rsi_{period}")
    group: str = Field(description="What it belongs to, such as oscillators")
    description: str


class EpochsOption(BaseModel):
    """How many epochs a training may have."""

    default: int
    least: int
    most: int


class Options(BaseModel):
    """What ``POST /ml/train`` and ``POST /ml/raw`` take."""

    models: list[ModelOption]
    default_model: str
    features: list[FeatureOption]
    default_features: list[str] = Field(description="Those with volume are left out where there is none")
    feature_sets: dict[str, list[str]] = Field(description="Features that go together, by name")
    modes: list[str]
    epochs: EpochsOption
    max_queued: int = Field(description="Trainings that may wait")
    max_upload_mb: int = Field(description="Largest CSV that can be uploaded")


@router.get("/ml/options", summary="What can be trained, and how", responses=answers(500))
def options(settings: TheSettings) -> Options:
    """Architectures, features and bounds; what a request leaves out is as ``default_`` says here.

    A series that was tuned is trained with what its tuning found, where a request says nothing else.
    """
    defaults = list(settings.train.features or DEFAULT_FEATURES)
    bounds = TrainConfig.model_json_schema()["properties"]["epochs"]
    return Options(
        models=[_model(architecture) for architecture in architectures().values()],
        default_model=settings.train.model,
        features=[_feature(indicator) for indicator in REGISTRY.values()],
        default_features=defaults,
        feature_sets={name: list(names or defaults) for name, names in FEATURE_SETS.items()},
        modes=list(get_args(Mode)),
        epochs=EpochsOption(
            default=settings.train.epochs, least=bounds["minimum"], most=bounds["maximum"]
        ),
        max_queued=settings.api.max_queued,
        max_upload_mb=settings.api.max_upload_mb,
    )


def _model(architecture: Architecture) -> ModelOption:
    described = inspect.getdoc(architecture.network) or architecture.name
    return ModelOption(
        name=architecture.name,
        description=described.partition("\n")[0],
        baseline=architecture.solve is not None,
    )


def _feature(indicator: Indicator) -> FeatureOption:
    if indicator.needs == ("timestamp",):
        group = "calendar"
    elif "volume" in indicator.needs:
        group = "volume"
    else:
        group = _GROUPS[indicator.kind]
    return FeatureOption(
        name=indicator.example,
        pattern=indicator.pattern,
        group=group,
        description=indicator.about,
    )

"""What training a series again means: with which configuration, from what, and how far.

``scratch`` starts from fresh weights and stops early. ``warm`` goes on from the champion's weights, in
its scaler's and its target's units. ``refit`` takes the champion's configuration and number of epochs,
and learns from all bars. Where there is no champion to go on from, a training is from scratch, and says
why.
"""

from dataclasses import dataclass, replace

import pandas as pd
from pydantic import ValidationError

from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.artifacts.tuned import tuned_for, with_tuned
from ml.config import Mode, Settings, TrainConfig
from ml.errors import ArtifactError, UnreadableArtifactError
from ml.evaluation.rivalry import learnt_until
from ml.series import SeriesKey
from ml.training.dataset import Basis, resolved_features, resolved_split
from ml.training.learning import FRESH, Start
from ml.training.network import network_config

# How a training is run, not what it is: as the user has it now, not as it was at the champion's.
_PRESENT = {"device", "threads", "engine", "deadline_seconds"}


@dataclass(frozen=True)
class Plan:
    """How one series is trained.

    Attributes:
        mode: what is done; ``config.mode`` is what was asked for.
        config: of the training.
        source: the champion whose weights or configuration it starts from, if any.
        start: weights and number of epochs.
        basis: scaler and unit of these weights.
        note: why the mode is not the one that was asked for.
        tuned: the study that chose values of the configuration.
    """

    mode: Mode
    config: TrainConfig
    source: Meta | None = None
    start: Start = FRESH
    basis: Basis | None = None
    note: str = ""
    tuned: str = ""


def plan_for(
    key: SeriesKey, settings: Settings, store: ModelStore, champion: Meta | None, bars: pd.DataFrame
) -> Plan:
    """How a series is trained by these settings, beside its present champion, on these bars.

    Raises:
        FeatureError, ModelError, TooFewBarsError: as the training would.
        ArtifactError: what was tuned for the series is damaged.
    """
    config, tuned = _configured(key, settings)
    scratch = Plan("scratch", config, tuned=tuned)
    if config.mode == "scratch":
        return scratch
    if champion is None:
        return _anew(scratch, "there is no champion")
    if is_baseline(champion):
        return _anew(scratch, f"the champion is the baseline {champion.model}")
    if config.mode == "refit":
        again = refit_config(champion, settings.train)
        if again is None:
            return _anew(scratch, f"{champion.version} has settings that this version does not know")
        note = champion.training.tuned
        return Plan("refit", again, champion, Start(epochs=epochs_behind(champion)), tuned=note)
    return _warm(key, scratch, store, champion, bars)


def config_for(key: SeriesKey, settings: Settings) -> TrainConfig:
    """The settings, with what was tuned for the series where the user set nothing.

    Raises `ArtifactError` where what was tuned is damaged.
    """
    return _configured(key, settings)[0]


def is_baseline(meta: Meta) -> bool:
    """Whether a model was solved for and not trained."""
    return meta.training.stopped == "solved"


def epochs_behind(meta: Meta) -> int:
    """Epochs that made the weights, those of earlier warm starts too."""
    counted = meta.training.epochs_behind
    return meta.training.best_epoch if counted is None else counted


def refit_config(meta: Meta, present: TrainConfig) -> TrainConfig | None:
    """The configuration of a version, to be fitted again; None where it has unknown settings."""
    values = {**meta.training.config, "mode": "refit", **present.model_dump(include=_PRESENT)}
    try:
        return TrainConfig.model_validate(values)
    except ValidationError:
        return None


def _configured(key: SeriesKey, settings: Settings) -> tuple[TrainConfig, str]:
    """The configuration, and the study that chose values of it."""
    found = tuned_for(settings.models_dir, key) if settings.run.use_tuned else None
    if found is None:
        return settings.train, ""
    config = with_tuned(settings.train, found.values)
    return config, found.note() if config != settings.train else ""


def _anew(scratch: Plan, why: str) -> Plan:
    return replace(scratch, note=f"{scratch.config.mode} was asked for: from scratch, for {why}")


def _warm(key: SeriesKey, scratch: Plan, store: ModelStore, champion: Meta, bars: pd.DataFrame) -> Plan:
    config = scratch.config
    differing = _differing(config, champion, bars)
    if differing:
        return _anew(scratch, f"the champion {champion.version} has another {', '.join(differing)}")
    split, stamps = resolved_split(bars, config), bars["timestamp"]
    learnt_beyond = (
        champion.split.train.last > stamps.iloc[split.train_bars.stop - 1]
        or learnt_until(champion) > stamps.iloc[split.val_bars.stop - 1]
    )
    if learnt_beyond:
        return _anew(
            scratch,
            f"the champion {champion.version} has learnt from bars that validation or test need",
        )
    try:
        bundle = store.champion(key)
    except UnreadableArtifactError:
        raise
    except ArtifactError as error:
        return _anew(scratch, f"the champion {champion.version} cannot be loaded: {error.message}")
    if bundle.meta.version != champion.version:  # a promotion came in between
        return _anew(scratch, f"the champion {champion.version} was replaced in between")
    return replace(
        scratch,
        mode="warm",
        source=champion,
        start=Start(weights=bundle.weights),
        basis=Basis(bundle.scaler, champion.target.sigma),
    )


def _differing(config: TrainConfig, champion: Meta, bars: pd.DataFrame) -> list[str]:
    """What keeps the champion's weights from going on with this configuration, by name."""
    if config.model != champion.model:
        return [f"architecture ({champion.model})"]
    mine = {
        **network_config(config),
        "features": resolved_features(bars, config),
        "seq_len": config.seq_len,
        "warm_up": config.warm_up,
        "horizon": config.horizon,
        "scaler": config.scaler,
    }
    own = {
        **champion.config,
        "features": champion.features,
        "seq_len": champion.seq_len,
        "warm_up": champion.warm_up,
        "horizon": champion.horizon,
        "scaler": champion.training.config.get("scaler"),
    }
    # Dropout is no part of the weights.
    return [name for name, value in mine.items() if name != "dropout" and own.get(name) != value]

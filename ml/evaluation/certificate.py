"""Proof that a model does not know the future: other bars come after a cut, and nothing before it moves.

At every promotion, for several cuts: after the training bars, after the validation bars, and after bars
that are drawn by chance. All later bars get other prices, volumes and stamps. To the bit, the same must
come out as

- the features up to each cut, as the network reads them, also where no bar comes after it;
- forecasts from the last bar of validation and from bars by chance before, what the network reads for
  them, and their bands;
- the split, the scaler, the target's units, the training's outcomes and the weights that are solved for,
  made again by the code that made them, after the cut that ends the training bars;
- gain and intervals, chosen again by the code that chose them, after the cut that ends the validation
  bars.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from ml.artifacts.bundle import Bundle
from ml.artifacts.forecaster import forecaster_of
from ml.errors import LeakageError
from ml.evaluation.intervals import bands
from ml.evaluation.leaks import leak
from ml.features.indicators import Columns, parse_features
from ml.features.inputs import inputs_of
from ml.features.leakage import columns_of, frame_of, other_future
from ml.features.scaling import Scaler
from ml.features.windows import Split
from ml.forecasting.forecaster import Forecaster
from ml.forecasting.spec import AdaptiveConformal, ForecastSpec, Frozen, Target

Floats = NDArray[np.float64]

_BY_CHANCE = 2  # cuts, and anchors
_SPREAD = 1.0  # deviation of the later prices' factors, in log price: nobody overlooks it


@dataclass(frozen=True)
class Rebuilt:
    """What training makes of bars before it learns: all that must not know what comes later.

    Attributes:
        split: which bars train, validate and test.
        scaler: fitted on the training bars.
        target: units of the output, from the training bars.
        outcomes: what happened after the training anchors, ``(windows, horizon)``.
        slopes: weights that were solved for, where there are any.
    """

    split: Split
    scaler: Scaler
    target: Target
    outcomes: Floats
    slopes: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))


Rebuild = Callable[[pd.DataFrame], Rebuilt]
Recalibrate = Callable[[pd.DataFrame], ForecastSpec]


class Cut(Frozen):
    """A bar after which all bars were changed."""

    after: Literal["training", "validation", "chance"]
    bar: int
    stamp: datetime


class Certificate(Frozen):
    """What was changed, what was compared, and that none of it moved."""

    passed: Literal[True] = True
    checked: tuple[str, ...]
    cuts: tuple[Cut, ...]
    anchors: int
    values: int
    seed: int
    seconds: float

    @property
    def words(self) -> str:
        """In one sentence."""
        return (
            f"all bars after {len(self.cuts)} cuts were changed: {', '.join(self.checked)} kept every "
            f"bit ({self.values:,} values)"
        )


def certify(
    bars: pd.DataFrame,
    forecaster: Forecaster,
    built: Rebuilt | None = None,
    rebuild: Rebuild | None = None,
    seed: int = 0,
    recalibrate: Recalibrate | None = None,
) -> Certificate:
    """Change the future of a series at several cuts, and see that nothing past moves.

    Args:
        bars: normalised bars that the model was trained and will be judged on.
        forecaster: the model, as it will be promoted.
        built: what its training made of the bars; None for a model that is not trained.
        rebuild: makes it again, of other bars, with the code that made ``built``.
        seed: of the changes, and of the cut and the anchors that are chosen by chance.
        recalibrate: chooses gain and intervals again, of other bars, with the code that chose the
            forecaster's.

    Raises:
        LeakageError: something moved; it says what.
    """
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    columns = columns_of(bars)
    cuts = _cuts(bars["timestamp"], forecaster.min_bars - 1, built, rng)
    forecast_cut = next((cut for cut in cuts if cut.after == "validation"), cuts[-1])
    anchors = _anchors(forecast_cut, forecaster.min_bars - 1, rng)
    inputs, forecasts = _inputs(columns, forecaster), _forecasts(forecaster, bars, anchors)
    values = 0
    moved = set() if built is None or _has_gaps(built.split, forecaster.spec.horizon) else {"split"}
    for cut in cuts:
        changed = other_future(columns, cut.bar, rng, _SPREAD)
        other = _inputs(changed, forecaster)
        for name, column in inputs.items():
            values += _compare(name, column[: cut.bar + 1], other[name][: cut.bar + 1], moved)
        if cut is forecast_cut:  # only there: they cost most
            # What changes with the number of bars does not with their values.
            ended = _inputs({name: part[: cut.bar + 1] for name, part in columns.items()}, forecaster)
            for name, column in inputs.items():
                values += _compare(name, column[: cut.bar + 1], ended[name], moved)
            # The same anchors each time: in another batch the last bits of a forecast may be others.
            other_bars = frame_of(changed)
            again = _forecasts(forecaster, other_bars, anchors)
            for was, now in zip(forecasts, again, strict=True):
                values += _compare("forecast", was, now, moved)
            was, now = (_bands(forecaster, part["close"], cut.bar) for part in (columns, changed))
            values += _compare("bands", was, now, moved)
            if recalibrate is not None:
                chosen = _chosen(recalibrate(other_bars))
                for name, part in _chosen(forecaster.spec).items():
                    values += _compare(name, part, chosen[name], moved)
        if cut.after == "training" and built is not None and rebuild is not None:
            parts = _parts(rebuild(frame_of(changed)))
            for name, part in _parts(built).items():
                values += _compare(name, part, parts[name], moved)
    if moved:
        raise leak(moved)
    training = ("split", "scaler", "target", "outcomes", "slopes") if rebuild is not None else ()
    validation = ("gain", "intervals") if recalibrate is not None else ()
    return Certificate(
        checked=("features", *training, "forecasts", "bands", *validation),
        cuts=cuts,
        anchors=len(anchors),
        values=values,
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _cuts(
    stamps: pd.Series, first: int, built: Rebuilt | None, rng: np.random.Generator
) -> tuple[Cut, ...]:
    """Ends of training and validation where bars follow, and bars by chance, all from `first` on.

    Several, for a bar of a week that is still open is no leak on a Friday.
    """
    ends: list[tuple[int, Literal["training", "validation", "chance"]]] = [
        (int(bar), "chance") for bar in rng.integers(first, len(stamps) - 1, _BY_CHANCE)
    ]
    if built is not None:
        ends.append((built.split.train_bars.stop - 1, "training"))
        ends.append((built.split.val_bars.stop - 1, "validation"))
    return tuple(
        Cut(after=name, bar=bar, stamp=stamps.iloc[bar])
        for bar, name in sorted(ends)
        if first <= bar < len(stamps) - 1
    )


def _anchors(cut: Cut, first: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The cut's own bar, where reading one bar ahead would show, and some by chance before it."""
    return np.array([*rng.integers(first, cut.bar + 1, _BY_CHANCE).tolist(), cut.bar])


def _inputs(columns: Columns, forecaster: Forecaster) -> dict[str, Floats]:
    """The networks' inputs, ``(n_bars,)`` or ``(n_bars, outputs)`` for each feature."""
    features = parse_features(forecaster.spec.features)
    values = inputs_of(columns, forecaster.spec.features).values
    inputs, index = {}, 0
    for feature in features:
        count = len(feature.columns)
        inputs[f"feature {feature.name}"] = values[:, index : index + count]
        index += count
    return inputs


def _forecasts(
    forecaster: Forecaster, bars: pd.DataFrame, anchors: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """What the network says for each anchor, and what it reads for that.

    One that has learnt nothing says 0 whatever it reads: its windows must not move either.
    """
    windows: list[NDArray[np.float32]] = []

    def note(_network: nn.Module, arguments: tuple[Any, ...]) -> None:
        windows.append(arguments[0].cpu().numpy())

    hook = forecaster.network.register_forward_pre_hook(note)
    try:
        changes = forecaster.changes(bars, anchors)
    finally:
        hook.remove()
    return changes, np.concatenate(windows)


def _bands(forecaster: Forecaster, close: Floats, anchor: int) -> Floats:
    """Half widths after one bar, ``(2, horizon)``."""
    made = bands(forecaster.spec.intervals, close, [anchor], forecaster.spec.horizon)
    return np.concatenate([made.radius_80, made.radius_95])


def _parts(rebuilt: Rebuilt) -> dict[str, NDArray[Any]]:
    split, target = rebuilt.split, rebuilt.target
    ranges = (split.train, split.val, split.test, split.train_bars, split.val_bars, split.test_bars)
    numbers = rebuilt.scaler.numbers
    return {
        "split": np.array([(part.start, part.stop, part.step) for part in ranges]),
        "scaler": np.concatenate([numbers[name] for name in sorted(numbers)]),
        "target": np.array([target.sigma, target.mean, target.drift]),
        "outcomes": rebuilt.outcomes,
        "slopes": rebuilt.slopes,
    }


def _chosen(spec: ForecastSpec) -> dict[str, Floats]:
    """What validation chose."""
    made = spec.intervals
    ratio, plain = (made.ratio, made.plain) if isinstance(made, AdaptiveConformal) else ((), made)
    radii = () if plain is None else (*plain.radius_80, *plain.radius_95)
    return {"gain": np.array(spec.target.gain), "intervals": np.array([*ratio, *radii])}


def _compare(name: str, before: NDArray[Any], after: NDArray[Any], moved: set[str]) -> int:
    """Add the name of what is not the same to the bit; returns how many values were compared."""
    if before.shape != after.shape or before.tobytes() != after.tobytes():
        moved.add(name)
    return before.size


def _has_gaps(split: Split, horizon: int) -> bool:
    """Whether each segment's outcomes are known before the next one begins, and lie in its own bars."""
    segments = (
        (split.train, split.train_bars),
        (split.val, split.val_bars),
        (split.test, split.test_bars),
    )
    inside = all(
        not anchors or (bars.start <= anchors[0] and anchors[-1] + horizon < bars.stop)
        for anchors, bars in segments
    )
    return inside and split.train_bars.stop <= split.val_bars.start <= split.test_bars.start


def certified(bundle: Bundle, bars: pd.DataFrame) -> Bundle:
    """A model that is not trained, a baseline, with a certificate of its own; errors as `certify`."""
    certificate = certify(bars, forecaster_of(bundle), seed=bundle.meta.training.seed)
    update = {"certificate": certificate.model_dump(mode="json")}
    return replace(bundle, meta=bundle.meta.model_copy(update=update))


def check_certified(certificate: Mapping[str, Any], where: str) -> None:
    """Raise `LeakageError` for a model of which nobody has shown that it does not know the future."""
    if certificate.get("passed") is not True:
        raise LeakageError(
            "expected a leakage certificate in the meta of what is promoted, found none",
            hint="train again: every training certifies its model",
            where=where,
        )

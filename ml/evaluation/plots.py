"""Pictures of forecasts and of training, as PNG bytes.

A forecast is never drawn without the random walk beside it and the model's record above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.evaluation.canvas import (
    BLACK,
    BLUE,
    DRIFT_DASH,
    GREEN,
    GREY,
    ORANGE,
    SOLID,
    WALK_DASH,
    halves,
    picture,
    whole,
)
from ml.evaluation.ticks import time_ticks

Floats = npt.NDArray[np.float64]

_EDGE_DASH = (1.0, 1.65)


@dataclass(frozen=True, slots=True)
class Record:
    """What a model has shown on held-out bars; None where that was not measured.

    `skill` is 1 - MAE / MAE of the random walk; coverages are shares of outcomes inside the bands. All
    are of the first `horizon` bars ahead, in `windows` forecasts.
    """

    model: str
    skill: float | None = None
    coverage_80: float | None = None
    coverage_95: float | None = None
    windows: int | None = None
    horizon: int | None = None

    @property
    def has_skill(self) -> bool:
        """Whether the errors were smaller than the random walk's."""
        return self.skill is not None and self.skill > 0

    @property
    def verdict(self) -> str:
        """The skill in words."""
        if self.skill is None:
            return f"{self.model}: not judged against the random walk"
        share = f"{abs(100 * self.skill):.2g}%"
        where = "on held-out bars" + (f", 1 to {self.horizon} bars ahead" if self.horizon else "")
        if self.skill > 0:
            return f"{self.model}: errors {share} below the random walk's {where}"
        if self.skill == 0:
            return f"{self.model}: no better than the random walk {where}"
        return f"{self.model}: no better than the random walk; errors {share} above its {where}"

    @property
    def coverage(self) -> str:
        """Promised and realised coverage together, with their number."""
        if self.coverage_80 is None:
            return "how often the bands held is not known"
        of = f" of {self.windows} forecasts" if self.windows else ""
        also = f"; 95% band: {self.coverage_95:.0%}" if self.coverage_95 is not None else ""
        did = f"on held-out bars {self.coverage_80:.0%}{of} did{also}"
        return f"8 of 10 outcomes should land in the 80% band; {did}"


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """The random walk's forecast in price: the last close, and its 80% band; each (n_steps,)."""

    point: Floats
    lower_80: Floats
    upper_80: Floats

    @classmethod
    def of(cls, last_close: float, radius_80: Floats) -> "RandomWalk":
        """The walk from a last close; `radius_80` are half widths in log price, (n_steps,)."""
        point = np.full(len(radius_80), last_close)
        return cls(point, point * np.exp(-radius_80), point * np.exp(radius_80))


def forecast_plot(
    name: str, bars: pd.DataFrame, forecast: pd.DataFrame, walk: RandomWalk, record: Record
) -> bytes:
    """Draw recent closes, the forecast's fan, and the random walk beside it.

    Args:
        name: the series, as in ``AAPL 1d``.
        bars: normalised bars up to the as-of bar; the newest are drawn.
        forecast: columns ``timestamp, forecast, lower_80, upper_80, lower_95, upper_95``.
        walk: the random walk over the same steps.
        record: what the model has shown on held-out bars; it stands above the picture.

    Bars are drawn by their index and labelled by their time: nights and weekends leave no hole.
    """
    steps = len(forecast)
    recent = bars.tail(min(250, max(40, 2 * steps)))
    close = recent["close"].to_numpy(np.float64)
    past, ahead = np.arange(1 - len(close), 1), np.arange(0, steps + 1)
    colour = BLUE if record.has_skill else GREY

    def joined(values: npt.ArrayLike) -> Floats:
        """(n_steps,) -> (n_steps + 1,): the fan opens at the last close."""
        return np.concatenate([close[-1:], np.asarray(values, dtype=np.float64)])

    panel = whole()
    for level, alpha in ((95, 0.15), (80, 0.28)):
        low, high = joined(forecast[f"lower_{level}"]), joined(forecast[f"upper_{level}"])
        panel.band(ahead, low, high, colour, alpha, f"its {level}% band")
    panel.line(past, close, BLACK, 1.4, label="close")
    for edge, line in ((walk.lower_80, "the walk's 80% band"), (walk.upper_80, "")):
        panel.line(ahead, joined(edge), ORANGE, 1.2, _EDGE_DASH, line)
    point = f"forecast ({record.model})"
    panel.line(ahead, joined(forecast["forecast"]), colour, 2.4, label=point)
    # Thinner and on top: where the forecast is the random walk, both are seen.
    panel.line(ahead, joined(walk.point), ORANGE, 1.2, WALK_DASH, "random walk")
    panel.now = 0
    times = pd.DatetimeIndex([*recent["timestamp"], *forecast["timestamp"]])
    panel.x_limits, panel.x_ticks = (float(past[0]), float(steps)), time_ticks(int(past[0]), times)
    bars_ahead = "the next bar" if steps == 1 else f"the next {steps} bars"
    asof = recent["timestamp"].iloc[-1].strftime("%Y-%m-%d %H:%M UTC").removesuffix(" 00:00 UTC")
    title = f"{name}: {bars_ahead} after {asof}"
    first = ("close", point, "its 80% band", "its 95% band")
    return picture([panel], title, record.verdict, colour, record.coverage, first)


def evaluation_plots(name: str, model: str, evaluation: Mapping[str, Any]) -> dict[str, bytes]:
    """The pictures that go with an evaluation.json: ``error``, ``coverage`` and, if trained, ``loss``.

    Args:
        name: the series, as in ``AAPL 1d``.
        model: the architecture that was judged.
        evaluation: the file's content, as `ml.evaluation.promotion` writes it.
    """
    scores = {"mae": "model", "mae_naive": "naive", "mae_drift": "drift"}
    by_step = {column: evaluation[who]["mae_by_step"] for column, who in scores.items()}
    coverage, title = evaluation["coverage"], f"{name} ({model})"
    plots = {
        "error": error_by_step_plot(name, by_step, model),
        "coverage": coverage_plot(title, coverage["by_step_80"], coverage["by_step_95"]),
    }
    history = evaluation.get("history")
    return plots | {"loss": loss_plot(title, history)} if history else plots


def loss_plot(name: str, history: Sequence[Mapping[str, float | None]]) -> bytes:
    """Draw validation and training loss by epoch, and mark the epoch whose weights were kept.

    Each has a scale of its own: markets change between the two, and so does the size of the loss.

    Args:
        name: the series and its model.
        history: one mapping an epoch, with ``epoch, train_loss, val_loss``; None where there is none.
            Epoch 0 is the network before its first step, which is the random walk.
    """
    epochs = [int(row["epoch"] or 0) for row in history]
    train, val = (
        np.array([row[column] for row in history], dtype=np.float64)  # None becomes NaN
        for column in ("train_loss", "val_loss")
    )
    note = "no epoch was finished"
    left, right = halves()
    right.line(epochs, train, GREY, 1.6, WALK_DASH, dot=2.2)
    if epochs[:1] == [0]:
        left.level(float(val[0]), ORANGE, 1.5, WALK_DASH, "random walk")
    left.line(epochs, val, BLUE, 2.0, label="loss", dot=2.2)
    if np.isfinite(val).any():
        best = int(np.nanargmin(np.where(np.isfinite(val), val, np.nan)))
        left.line(epochs[best : best + 1], val[best : best + 1], GREEN, 2, label="kept", dot=5, ring=2)
        note = f"epoch {epochs[best]} of {epochs[-1]} was kept; validation loss {val[best]:.4g}"
        if epochs[best] == 0:
            note = f"none of {epochs[-1]} epochs improved on the random walk, and so it was kept"
    left.x_label = right.x_label = "epoch"
    left.y_label, right.y_label = "validation loss, in units of volatility", "training loss"
    return picture([left, right], f"{name}: loss by epoch", note, BLACK, "")


def error_by_step_plot(name: str, by_step: Mapping[str, Sequence[float]], model: str) -> bytes:
    """Draw the mean absolute error on held-out bars by step, and how it compares with the random walk's.

    Args:
        name: the series.
        by_step: ``mae`` and ``mae_naive``, perhaps ``mae_drift``; each (horizon,), in price.
        model: the architecture's name.
    """
    mae, naive = (np.asarray(by_step[column], dtype=np.float64) for column in ("mae", "mae_naive"))
    steps = np.arange(1, len(mae) + 1)
    record = Record(model, 1 - float(mae.sum() / naive.sum()) if naive.sum() > 0 else None)
    colour = BLUE if record.has_skill else GREY
    error_panel, skill_panel = halves()
    # The thin walk on top: where the model is the random walk, both are seen.
    lines = [(model, mae, colour, SOLID, 2.4), ("random walk", naive, ORANGE, WALK_DASH, 1.3)]
    if "mae_drift" in by_step:
        drift = np.asarray(by_step["mae_drift"], dtype=np.float64)
        lines.insert(0, ("drift", drift, GREEN, DRIFT_DASH, 1.6))
    for line, error, shade, dash, width in lines:
        error_panel.line(steps, error, shade, width, dash, line)
        relative = np.divide(error, naive, out=np.ones_like(error), where=naive > 0)
        skill_panel.line(steps, 100 * (1 - relative), shade, width, dash)
    error_panel.y_limits = (0.0, None)
    error_panel.x_label = skill_panel.x_label = "bars ahead"
    error_panel.y_label, skill_panel.y_label = (
        "mean absolute error, in price",
        "% below the random walk's",
    )
    title = f"{name}: error by step on held-out bars"
    return picture([error_panel, skill_panel], title, record.verdict, colour, "")


def coverage_plot(name: str, coverage_80: Sequence[float], coverage_95: Sequence[float]) -> bytes:
    """Draw the share of held-out outcomes inside each band by step, beside what the band promises.

    Args:
        name: the series and its model.
        coverage_80: shares from 0 to 1, (horizon,).
        coverage_95: the same for the 95% band.
    """
    steps = np.arange(1, len(coverage_80) + 1)
    panel = whole()
    for level, shares, shade in ((80, coverage_80, BLUE), (95, coverage_95, GREEN)):
        panel.line(steps, shares, shade, 2, label=f"{level}% band", dot=2.2)
        panel.level(level / 100, shade, 1.2, WALK_DASH, f"{level}% promised")
    panel.y_limits = (min(0.5, *coverage_80, *coverage_95) - 0.05, 1.02)
    panel.y_text = "{:.0%}".format
    panel.x_label, panel.y_label = "bars ahead", "share of outcomes inside"
    realised = f"80% band: {np.mean(coverage_80):.0%} of outcomes; 95% band: {np.mean(coverage_95):.0%}"
    title = f"{name}: how often the bands held on held-out bars"
    first = ("80% band", "80% promised", "95% band", "95% promised")
    return picture([panel], title, realised, BLACK, "", first)

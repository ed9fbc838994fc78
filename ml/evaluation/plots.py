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
    DRAWING,
    DRIFT_DASH,
    GREEN,
    GREY,
    ORANGE,
    WALK_DASH,
    canvas,
    head,
    label,
    label_times,
    panels,
    png,
)

Floats = npt.NDArray[np.float64]


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

    with DRAWING:
        figure, axes = canvas()
        for level, alpha in ((95, 0.15), (80, 0.28)):
            low, high = joined(forecast[f"lower_{level}"]), joined(forecast[f"upper_{level}"])
            axes.fill_between(
                ahead, low, high, color=colour, alpha=alpha, linewidth=0, label=f"its {level}% band"
            )
        axes.plot(past, close, color=BLACK, linewidth=1.4, label="close")
        for edge, line in ((walk.lower_80, "the walk's 80% band"), (walk.upper_80, "_")):
            axes.plot(ahead, joined(edge), color=ORANGE, linewidth=1.2, linestyle=":", label=line)
        axes.plot(
            ahead,
            joined(forecast["forecast"]),
            color=colour,
            linewidth=2.4,
            label=f"forecast ({record.model})",
        )
        # Thinner and on top: where the forecast is the random walk, both are seen.
        axes.plot(
            ahead,
            joined(walk.point),
            color=ORANGE,
            linewidth=1.2,
            linestyle=WALK_DASH,
            label="random walk",
        )
        axes.axvline(0, color=GREY, linewidth=0.8, alpha=0.5)
        times = [*recent["timestamp"], *forecast["timestamp"]]
        label_times(axes, int(past[0]), pd.DatetimeIndex(times))
        axes.set_xlim(past[0], steps)
        bars_ahead = "the next bar" if steps == 1 else f"the next {steps} bars"
        asof = recent["timestamp"].iloc[-1].strftime("%Y-%m-%d %H:%M UTC").removesuffix(" 00:00 UTC")
        head(axes, f"{name}: {bars_ahead} after {asof}", record.verdict, colour, record.coverage)
        return png(
            figure, axes, first=("close", f"forecast ({record.model})", "its 80% band", "its 95% band")
        )


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
    with DRAWING:
        figure, left, right = panels()
        right.plot(epochs, train, color=GREY, linewidth=1.6, linestyle=WALK_DASH, marker=".")
        if epochs[:1] == [0]:
            left.axhline(val[0], color=ORANGE, linewidth=1.5, linestyle=WALK_DASH, label="random walk")
        left.plot(epochs, val, color=BLUE, linewidth=2.0, marker="o", markersize=3.5, label="loss")
        if np.isfinite(val).any():
            best = int(np.nanargmin(np.where(np.isfinite(val), val, np.nan)))
            (kept,) = left.plot(epochs[best], val[best], "o", color=GREEN, markersize=10, label="kept")
            kept.set(fillstyle="none", markeredgewidth=2)
            note = f"epoch {epochs[best]} of {epochs[-1]} was kept; validation loss {val[best]:.4g}"
            if epochs[best] == 0:
                note = f"none of {epochs[-1]} epochs improved on the random walk, and so it was kept"
        label(left, "epoch", "validation loss, in units of volatility")
        label(right, "epoch", "training loss")
        head(left, f"{name}: loss by epoch", note, BLACK, "")
        return png(figure, left)


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
    with DRAWING:
        figure, axes, skill = panels()
        # The thin walk on top: where the model is the random walk, both are seen.
        lines = [(model, mae, colour, "-", 2.4), ("random walk", naive, ORANGE, WALK_DASH, 1.3)]
        if "mae_drift" in by_step:
            drift = np.asarray(by_step["mae_drift"], dtype=np.float64)
            lines.insert(0, ("drift", drift, GREEN, DRIFT_DASH, 1.6))
        for line, error, shade, dash, width in lines:
            axes.plot(steps, error, color=shade, linewidth=width, linestyle=dash, label=line)
            relative = np.divide(error, naive, out=np.ones_like(error), where=naive > 0)
            skill.plot(steps, 100 * (1 - relative), color=shade, linewidth=width, linestyle=dash)
        axes.set_ylim(bottom=0)
        label(axes, "bars ahead", "mean absolute error, in price")
        label(skill, "bars ahead", "% below the random walk's")
        head(axes, f"{name}: error by step on held-out bars", record.verdict, colour, "")
        return png(figure, axes)


def coverage_plot(name: str, coverage_80: Sequence[float], coverage_95: Sequence[float]) -> bytes:
    """Draw the share of held-out outcomes inside each band by step, beside what the band promises.

    Args:
        name: the series and its model.
        coverage_80: shares from 0 to 1, (horizon,).
        coverage_95: the same for the 95% band.
    """
    steps = np.arange(1, len(coverage_80) + 1)
    with DRAWING:
        figure, axes = canvas()
        for level, shares, shade in ((80, coverage_80, BLUE), (95, coverage_95, GREEN)):
            promised = f"{level}% promised"
            axes.plot(
                steps, shares, color=shade, linewidth=2, marker="o", markersize=4, label=f"{level}% band"
            )
            axes.axhline(level / 100, color=shade, linewidth=1.2, linestyle=WALK_DASH, label=promised)
        axes.set_ylim(min(0.5, *coverage_80, *coverage_95) - 0.05, 1.02)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        label(axes, "bars ahead", "share of outcomes inside")
        realised = (
            f"80% band: {np.mean(coverage_80):.0%} of outcomes; 95% band: {np.mean(coverage_95):.0%}"
        )
        head(axes, f"{name}: how often the bands held on held-out bars", realised, BLACK, "")
        return png(figure, axes)

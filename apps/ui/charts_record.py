"""Charts of how good a model is: bands and outcomes, error and coverage by step, the course of training.

Pure functions of the service's JSON; the random walk stands beside the model wherever it has a figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from apps.ui.chart_style import category, label, style
from apps.ui.theme import Palette

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What came of one step of a past forecast; changes are shares of the last close that was known."""

    due: str
    forecast: float
    lower: float
    upper: float
    actual: float

    @property
    def held(self) -> bool:
        """Whether it landed in the band."""
        return self.lower <= self.actual <= self.upper


def outcomes(past: Sequence[Json], step: int, level: int) -> list[Outcome]:
    """What came of a step of past forecasts, oldest first."""
    found = []
    for made in reversed(past):
        base = made["last_close"]
        for one in made["steps"]:
            if one["step"] == step and one["actual"] is not None:
                names = ("forecast", f"lower_{level}", f"upper_{level}", "actual")
                found.append(Outcome(one["due"], *(one[name] / base - 1 for name in names)))
    return found


def outcome_figure(found: Sequence[Outcome], level: int, colours: Palette) -> go.Figure:
    """The band of one step ahead as time went by, and where each outcome landed."""
    labels = [label(one.due) for one in found]
    figure = go.Figure()
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=labels, y=[one.upper for one in found], showlegend=False, **edge))
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=[one.lower for one in found],
            fill="tonexty",
            fillcolor=colours.model_80,
            name=f"{level}% band",
            **edge,
        )
    )
    figure.add_trace(_line(labels, [one.forecast for one in found], "Forecast", colours.model, 1.6))
    for held, name, colour, symbol in (
        (True, "Landed in the band", colours.ink, "circle"),
        (False, "Missed it", colours.bad, "x"),
    ):
        ones = [one for one in found if one.held is held]
        figure.add_trace(
            go.Scatter(
                x=[label(one.due) for one in ones],
                y=[one.actual for one in ones],
                mode="markers",
                marker={"color": colour, "size": 5 if held else 8, "symbol": symbol},
                name=name,
                hovertemplate="%{y:+.2%}<extra>came</extra>",
            )
        )
    style(figure, colours, height=340)
    figure.update_xaxes(**category([one.due for one in found]))
    figure.update_yaxes(tickformat="+.1%", side="right", zeroline=True, zerolinecolor=colours.grid)
    return figure


def error_figure(
    model: Sequence[float],
    walk: Sequence[float],
    colours: Palette,
    *,
    shares: bool,
    name: str,
    steps: Sequence[int] = (),
) -> go.Figure:
    """Mean absolute error by step ahead, the model's beside the random walk's.

    Args:
        model, walk: errors by step.
        colours: of the theme.
        shares: whether they are shares of the last close, or prices.
        name: of the model.
        steps: that the errors are of; by default 1, 2, ...
    """
    steps = steps or range(1, len(model) + 1)
    tail = ":.2%" if shares else ":,.4~g"
    figure = go.Figure()
    figure.add_trace(_line(steps, model, name, colours.model, 2.4, tail=tail, markers=True))
    # Over the model's: where the two are the same, both are to be seen.
    figure.add_trace(_line(steps, walk, "Random walk", colours.walk, 2.4, dash="dot", tail=tail))
    style(figure, colours, height=270)
    figure.update_xaxes(title="Bars ahead", dtick=_every(steps))
    figure.update_yaxes(rangemode="tozero", tickformat=".1%" if shares else ",.4~g")
    return figure


def coverage_figure(
    held: Mapping[int, Sequence[float]], colours: Palette, *, steps: Sequence[int] = ()
) -> go.Figure:
    """Share of outcomes in each band by step ahead, beside what the band promises.

    Args:
        held: by level, 80 and 95, the shares by step.
        colours: of the theme.
        steps: that the shares are of; by default 1, 2, ...
    """
    steps = steps or range(1, len(held[80]) + 1)
    figure = go.Figure()
    for level, dash in ((80, "solid"), (95, "dash")):
        shares = held[level]
        figure.add_trace(
            _line(steps, shares, f"{level}% band held", colours.model, 2.2, dash, ":.0%", markers=True)
        )
        promised = _line(steps, [level / 100] * len(steps), "Promised", colours.walk, 1.4, "dot", ":.0%")
        figure.add_trace(promised.update(showlegend=level == 95))
    style(figure, colours, height=270)
    lowest = min((share for shares in held.values() for share in shares), default=0.5)
    figure.update_xaxes(title="Bars ahead", dtick=_every(steps))
    figure.update_yaxes(tickformat=".0%", range=[max(0.0, min(0.5, lowest - 0.1)), 1.03])
    return figure


def loss_figure(losses: Json, best: int | None, colours: Palette) -> go.Figure:
    """Training and validation loss by epoch; the epoch whose weights were kept is marked.

    A course that has no training loss at first begins at epoch 0, before anything was learnt.
    """
    figure = go.Figure()
    first = 0 if losses["training"][:1] == [None] else 1
    for name, colour, dash in (
        ("training", colours.walk, "dot"),
        ("validation", colours.model, "solid"),
    ):
        values = losses[name]
        epochs = list(range(first, first + len(values)))
        title = name.capitalize()
        figure.add_trace(_line(epochs, values, title, colour, 2.2, dash, ":.4~g"))
    known = [value for values in losses.values() for value in values if value is not None]
    if best is not None and known:
        ends = [min(known), max(known)]
        name = f"Kept: epoch {best}"
        figure.add_trace(_line([best, best], ends, name, colours.warn, 1.4, "dash", ":.4~g"))
    style(figure, colours, height=270)
    figure.update_xaxes(title="Epoch")
    figure.update_yaxes(tickformat=".3~g")
    return figure


def _every(steps: Sequence[int]) -> int | None:
    """How many steps a label is for: where all have room, one."""
    return 1 if max(steps) - min(steps) < 15 else None


def _line(
    x: Sequence[str] | Sequence[int],
    y: Sequence[float | None],
    name: str,
    colour: str,
    width: float,
    dash: str = "solid",
    tail: str = ":+.2%",
    *,
    markers: bool = False,
) -> go.Scatter:
    return go.Scatter(
        x=list(x),
        y=y,
        mode="lines+markers" if markers else "lines",
        line={"color": colour, "width": width, "dash": dash},
        marker={"size": 6},
        name=name,
        hovertemplate=f"%{{y{tail}}}<extra>{name.lower()}</extra>",
    )

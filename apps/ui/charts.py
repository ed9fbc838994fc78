"""Charts of prices: candles, the forecast fan, past fans over what happened, and bar-to-bar changes.

Pure functions of the service's JSON. Bars stand side by side whatever time lies between them, on an axis
of labels: nights, weekends and holidays take no room, and the steps of a forecast follow the last bar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from apps.ui.chart_style import category, label, style
from apps.ui.series_words import event
from apps.ui.theme import Palette

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Mark:
    """A moment on the time axis that is worth a line, such as a promotion."""

    at: str
    text: str


def price_figure(
    bars: Json,
    forecast: Json | None,
    past: Sequence[Json],
    marks: Sequence[Mark],
    levels: Sequence[int],
    colours: Palette,
) -> go.Figure:
    """Candles, the fan of the forecast beside the random walk's, and past fans over what happened.

    Args:
        bars: of ``/ml/bars``.
        forecast: of ``/ml/forecast``, or None where there is no model.
        past: forecasts of ``/ml/score/...``; of overlapping ones the newest are drawn.
        marks: promotions and the like; those outside the axis are left out.
        levels: bands to draw, of 80 and 95.
        colours: of the theme.
    """
    stamps = list(bars["timestamp"])
    steps = forecast["steps"] if forecast else []
    axis = stamps + [step["timestamp"] for step in steps]
    figure = go.Figure()
    labels = [label(stamp) for stamp in stamps]
    figure.add_trace(
        go.Candlestick(
            x=labels,
            **{name: bars[name] for name in ("open", "high", "low", "close")},
            increasing={"line": {"color": colours.up, "width": 1}, "fillcolor": colours.up},
            decreasing={"line": {"color": colours.down, "width": 1}, "fillcolor": colours.down},
            name="Price",
            showlegend=False,
        )
    )
    for place, made in enumerate(tiled(past, set(stamps))):
        _past_fan(figure, made, levels, colours, first=place == 0)
    if forecast:
        _fan(figure, forecast, levels, colours)
    _marks(figure, marks, axis, colours)
    style(figure, colours, height=430)
    figure.update_xaxes(
        **category(axis),
        rangeslider={"visible": False}, range=[-0.7, len(axis) - 0.3],
    )  # fmt: skip
    figure.update_yaxes(tickformat=",.6~g", side="right")
    return figure


def changes_figure(bars: Json, forecast: Json | None, colours: Palette) -> go.Figure:
    """The change of each bar from the one before, of what was and of what is forecast.

    A chart of prices flatters a model that only follows the price; here it would show as noise.
    """
    was = _changes(bars["close"])
    steps = forecast["steps"] if forecast else []
    figure = go.Figure()
    figure.add_trace(
        go.Bar(
            x=[label(stamp) for stamp in bars["timestamp"][1:]],
            y=was,
            marker={"color": colours.walk, "line": {"width": 0}},
            name="What came",
            hovertemplate="%{y:+.2%}<extra>came</extra>",
        )
    )
    if forecast:
        figure.add_trace(
            go.Bar(
                x=[label(step["timestamp"]) for step in steps],
                y=_changes([forecast["last_close"], *(step["forecast"] for step in steps)]),
                marker={"color": colours.model, "line": {"width": 0}},
                name="Forecast",
                hovertemplate="%{y:+.3%}<extra>forecast</extra>",
            )
        )
    style(figure, colours, height=230)
    figure.update_layout(bargap=0.25, barmode="overlay")
    axis = [
        *bars["timestamp"][1:],
        *(step["timestamp"] for step in (forecast or {"steps": ()})["steps"]),
    ]
    figure.update_xaxes(**category(axis))
    figure.update_yaxes(tickformat="+.1%", side="right", zeroline=True, zerolinecolor=colours.walk)
    return figure


def marks(model: Json, score: Json | None) -> list[Mark]:
    """Where each version of a series began to serve, on the time axis of its bars.

    That is when it was promoted, or where its forecasts begin if these are of older bars: of a history
    that was replayed.

    Args:
        model: of ``/ml/models/...``.
        score: of ``/ml/score/...``; None where that is not known.
    """
    begun = {one["version"]: one for one in score["versions"]} if score else {}
    found = []
    for one in reversed(model["history"]):
        if one["at"] and one["event"] not in ("", "rejected"):
            first = begun.pop(one["version"], None)
            at = min(one["at"], first["first"]) if first else one["at"]
            found.append(Mark(at, f"{event(one['event'])} {one['model']}"))
    found += [Mark(one["first"], f"{one['model']} served") for one in begun.values()]
    return sorted(found, key=lambda mark: mark.at)


def tiled(past: Sequence[Json], known: set[str]) -> list[Json]:
    """Of past forecasts, newest first, those that do not overlap and have all their bars on the axis."""
    chosen: list[Json] = []
    before = ""
    for made in past:
        seen = [step for step in made["steps"] if step["actual"] is not None and step["due"] in known]
        if made["asof"] not in known or not seen or (before and seen[-1]["due"] > before):
            continue
        chosen.append({**made, "steps": seen})
        before = made["asof"]
    return chosen


def _fan(figure: go.Figure, forecast: Json, levels: Sequence[int], colours: Palette) -> None:
    steps, start = forecast["steps"], forecast["last_close"]
    labels = [label(forecast["asof"]), *(label(step["timestamp"]) for step in steps)]
    tints = {80: colours.model_80, 95: colours.model_95}
    for level in sorted(levels, reverse=True):
        upper = [start, *(step[f"upper_{level}"] for step in steps)]
        lower = [start, *(step[f"lower_{level}"] for step in steps)]
        _band(figure, labels, upper, lower, tints[level], f"{level}% band")
        walk = forecast["walk"]
        for side in ("upper", "lower"):
            figure.add_trace(
                go.Scatter(
                    x=labels,
                    y=[start, *walk[f"{side}_{level}"]],
                    mode="lines",
                    line={"color": colours.walk, "width": 1.2, "dash": "dot"},
                    name="Random walk and its band",
                    legendgroup="walk",
                    showlegend=False,
                    hoverinfo="skip",
                )
            )
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=[start] * len(labels),
            mode="lines",
            line={"color": colours.walk, "width": 1.6, "dash": "dot"},
            name="Random walk and its band",
            legendgroup="walk",
            hovertemplate="%{y:,.6~g}<extra>random walk</extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=[start, *(step["forecast"] for step in steps)],
            mode="lines",
            line={"color": colours.model, "width": 2.4},
            name="Forecast",
            hovertemplate="%{y:,.6~g}<extra>forecast</extra>",
        )
    )


def _past_fan(
    figure: go.Figure, made: Json, levels: Sequence[int], colours: Palette, *, first: bool
) -> None:
    steps, start, level = made["steps"], made["last_close"], min(levels)
    labels = [label(made["asof"]), *(label(step["due"]) for step in steps)]
    upper = [start, *(step[f"upper_{level}"] for step in steps)]
    lower = [start, *(step[f"lower_{level}"] for step in steps)]
    _band(figure, labels, upper, lower, colours.model_95, "", legend=False)
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=[start, *(step["forecast"] for step in steps)],
            mode="lines",
            line={"color": colours.model, "width": 1.2},
            opacity=0.8,
            name=f"Past forecasts and their {level}% band",
            showlegend=first,
            hovertemplate="%{y:,.6~g}<extra>forecast then</extra>",
        )
    )


def _band(
    figure: go.Figure,
    labels: Sequence[str],
    upper: Sequence[float],
    lower: Sequence[float],
    tint: str,
    name: str,
    *,
    legend: bool = True,
) -> None:
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=labels, y=upper, showlegend=False, **edge))
    figure.add_trace(
        go.Scatter(
            x=labels, y=lower, fill="tonexty", fillcolor=tint, name=name, showlegend=legend, **edge
        )
    )


def _marks(figure: go.Figure, marks: Sequence[Mark], axis: Sequence[str], colours: Palette) -> None:
    """A line at the first bar at or after each mark."""
    for mark in marks:
        bar = next((stamp for stamp in axis if stamp >= mark.at), None)
        if bar is None or mark.at < axis[0]:
            continue
        place = axis.index(bar)
        late = place > len(axis) / 2
        figure.add_vline(x=place, line={"color": colours.warn, "width": 1.2, "dash": "dash"})
        figure.add_annotation(
            x=place, y=1, yref="paper", yanchor="top", text=mark.text, showarrow=False,
            xanchor="right" if late else "left", xshift=-4 if late else 4,
            font={"color": colours.warn, "size": 11},
        )  # fmt: skip


def _changes(closes: Sequence[float]) -> list[float]:
    return [close / before - 1 for before, close in pairwise(closes)]

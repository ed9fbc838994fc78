"""What all charts share: their look, and an axis on which bars stand side by side."""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from apps.ui import words
from apps.ui.theme import Palette

# No tool bar over the chart, and a wheel or a finger scrolls the page.
CONFIG: Final = {"displayModeBar": False, "scrollZoom": False, "responsive": True}
_DATES: Final = 5


def label(stamp: str) -> str:
    """A bar on the axis; no two bars of a series have the same."""
    return words.stamp(stamp)


def category(axis: Sequence[str]) -> dict[str, Any]:
    """An axis of bars; a few dates in two lines beneath, which a phone's width has room for."""
    every = max(1, len(axis) // _DATES)
    shown = axis[every // 2 :: every]
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [label(stamp) for stamp in axis],
        "tickvals": [label(stamp) for stamp in shown],
        "ticktext": [_short(stamp) for stamp in shown],
        "tickangle": 0,
    }


def style(figure: go.Figure, colours: Palette, height: int) -> None:
    """The look that all charts share."""
    figure.update_layout(
        height=height,
        margin={"l": 4, "r": 4, "t": 34, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": colours.muted, "size": 12, "family": "Source Sans, Segoe UI, sans-serif"},
        legend={
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left",
            "font": {"color": colours.ink}, "bgcolor": "rgba(0,0,0,0)", "itemclick": False,
            "itemdoubleclick": False,
        },
        hovermode="x unified",
        hoverlabel={"bgcolor": colours.panel, "font": {"color": colours.ink}},
        dragmode=False,
    )  # fmt: skip
    figure.update_xaxes(
        showgrid=False, zeroline=False, linecolor=colours.grid, automargin=True, showline=True
    )
    figure.update_yaxes(gridcolor=colours.grid, zeroline=False, automargin=True)


def _short(stamp: str) -> str:
    head, _, last = label(stamp).rpartition(" ")
    return f"{head}<br>{last}"

"""What the page of a series shows where there is no model, no file or no series, and the way on."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import series_data, states
from apps.ui.chart_style import CONFIG
from apps.ui.charts import price_figure
from apps.ui.links import OVERVIEW, TRAIN, name_of
from apps.ui.session import api
from apps.ui.shell import page
from apps.ui.theme import palette

_BARS: Final = 120


def no_model(ticker: str, interval: str) -> None:
    """What to do about a series that has no model."""
    states.empty(
        "No model yet",
        "Nothing has been trained for this series, so there is no forecast of it.",
        icon=":material/model_training:",
    )
    st.page_link(
        page(TRAIN),
        label="Train a model",
        icon=":material/play_arrow:",
        query_params={"series": name_of(ticker, interval)},
    )


def no_file(ticker: str, interval: str) -> None:
    """What is known of a series that has neither a file nor a model any more."""
    states.empty(
        "No file and no model is left",
        "What was read of this series before is below. It is not trained and not forecast.",
        "To have it back, drop its file on the overview, or put it into the raw folder.",
        icon=":material/inventory_2:",
    )
    prices(api().get("/ml/bars", ticker=ticker, interval=interval, last=_BARS), ticker, interval)
    series_data.show(ticker, interval, {})


def prices(bars: Mapping[str, Any], ticker: str, interval: str) -> None:
    """The candles of a series alone, without a forecast."""
    figure = price_figure(bars, None, [], [], [], palette())
    st.plotly_chart(
        figure, theme=None, config=CONFIG, key="price", alt=f"Candles of {ticker} {interval}."
    )


def no_series() -> None:
    """What to do where nothing has been put into the raw folder yet."""
    states.empty(
        "No series yet",
        "A series appears as soon as a CSV file of its prices is there, such as `AAPL_1d.csv`.",
        "Drop one on the overview, or put it into the raw folder.",
        icon=":material/upload_file:",
    )
    st.page_link(page(OVERVIEW), label="To the overview", icon=":material/grid_view:")

"""What the page of a series shows where there is no model, or no series at all, and the way on."""

import streamlit as st

from apps.ui import states
from apps.ui.links import OVERVIEW, TRAIN, name_of
from apps.ui.shell import page


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


def no_series() -> None:
    """What to do where nothing has been put into the raw folder yet."""
    states.empty(
        "No series yet",
        "A series appears as soon as a CSV file of its prices is there, such as `AAPL_1d.csv`.",
        "Drop one on the overview, or put it into the raw folder.",
        icon=":material/upload_file:",
    )
    st.page_link(page(OVERVIEW), label="To the overview", icon=":material/grid_view:")

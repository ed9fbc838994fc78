"""The model of a series: why it serves, its figures beside the random walk's, its course, its life."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import streamlit as st

from apps.ui import series_words, states, words
from apps.ui.chart_style import CONFIG
from apps.ui.charts_record import coverage_figure, error_figure, loss_figure
from apps.ui.client import ApiProblem
from apps.ui.links import resource
from apps.ui.series_empty import no_model
from apps.ui.series_life import life
from apps.ui.session import api
from apps.ui.theme import palette

Json = Mapping[str, Any]


def show(ticker: str, interval: str, row: Json) -> None:
    """Draw the view."""
    if not row["promoted"]:
        no_model(ticker, interval)
        return
    path = f"/ml/models/{resource(ticker, interval)}"
    try:
        model = api().get(path)
    except ApiProblem as error:  # what serves is damaged: an earlier version may still be whole
        if error.status != HTTPStatus.CONFLICT:
            raise
        if not series_words.is_told(row, error.message):
            states.problem(error, "damaged")
        life(ticker, interval, api().get(f"{path}/history"), serves="")
        return
    st.subheader("Why it serves", anchor=False)
    reason = model["champion"]["reason"]
    st.text(f"{reason}.")
    st.caption(series_words.settled(model))
    if " p = " in reason:
        st.caption(
            "p is how likely such a difference would be by chance alone: the smaller, the surer. "
            "The bounds are where the true difference should lie."
        )
    rows = series_words.comparison(model)
    if rows:
        st.table(rows, hide_index=True)
    _figures(model)
    life(ticker, interval, model["history"], model["champion"]["version"])
    _downloads(ticker, interval)


def _figures(model: Json) -> None:
    metrics, walk = model["metrics"], model["baselines"].get("naive", {})
    error, coverage, course = st.columns(3)
    if metrics.get("mae_by_step") and walk.get("mae_by_step"):
        with error:
            st.subheader("Error by step", anchor=False)
            figure = error_figure(
                metrics["mae_by_step"], walk["mae_by_step"], palette(), shares=False,
                name=model["champion"]["model"],
            )  # fmt: skip
            st.plotly_chart(
                figure, theme=None, config=CONFIG, key="error",
                alt="Mean absolute error by step on test bars, of the model and of the random walk.",
            )  # fmt: skip
    if metrics.get("coverage_80_by_step"):
        with coverage:
            st.subheader("Bands by step", anchor=False)
            held = {level: metrics[f"coverage_{level}_by_step"] for level in (80, 95)}
            st.plotly_chart(
                coverage_figure(held, palette()), theme=None, config=CONFIG, key="coverage",
                alt="Share of test outcomes in each band by step, beside what was promised.",
            )  # fmt: skip
    if model["losses"]["validation"]:
        with course:
            st.subheader("Course of training", anchor=False)
            best = model["training"].get("best_epoch")
            st.plotly_chart(
                loss_figure(model["losses"], best, palette()), theme=None, config=CONFIG, key="loss",
                alt="Training and validation loss by epoch.",
            )  # fmt: skip


def _downloads(ticker: str, interval: str) -> None:
    path = f"/ml/models/{resource(ticker, interval)}/card"
    try:
        card = api().get_text(path, accept="text/html")
    except ApiProblem as error:
        st.caption(f"No model card: {words.plain(error.message)}")
        return
    st.download_button(
        "Model card",
        card,
        file_name=f"{ticker}_{interval}.html".replace("/", "-"),
        mime="text/html",
        icon=":material/badge:",
        on_click="ignore",
    )

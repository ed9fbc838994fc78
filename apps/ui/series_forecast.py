"""The forecast of a series: candles and fan, what it says in words, and its error record beneath."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import series_words, states, words
from apps.ui.chart_style import CONFIG
from apps.ui.charts import changes_figure, marks, price_figure
from apps.ui.client import ApiProblem
from apps.ui.links import resource
from apps.ui.series_empty import no_model, prices
from apps.ui.session import api
from apps.ui.theme import palette

Json = Mapping[str, Any]

LEVELS: Final = ("both", "80", "95")
_BARS: Final = (60, 120, 250, 500, 1000)
_MOST_STEPS: Final = 500
_PAST: Final = 250


def show(ticker: str, interval: str, row: Json) -> None:
    """Draw the view; the settings stand in the address: ``steps``, ``level``, ``bars`` and ``past``."""
    if not row["promoted"]:
        prices(api().get("/ml/bars", ticker=ticker, interval=interval, last=_bars()), ticker, interval)
        no_model(ticker, interval)
        return
    steps, levels, last, with_past = _settings(row)
    bars = api().get("/ml/bars", ticker=ticker, interval=interval, last=last)
    try:
        forecast = api().get("/ml/forecast", ticker=ticker, interval=interval, n_steps=steps)
    except ApiProblem as error:  # its prices are there all the same
        if not series_words.is_told(row, error.message):
            states.problem(error, "forecast")
        prices(bars, ticker, interval)
        return
    score = _score(ticker, interval)
    model = api().get(f"/ml/models/{resource(ticker, interval)}")
    st.markdown(series_words.outlook(forecast, min(levels)))
    past = score["past"] if score and with_past else []
    figure = price_figure(bars, forecast, past, marks(model, score), levels, palette())
    st.plotly_chart(
        figure, theme=None, config=CONFIG, key="price",
        alt=f"Candles of {ticker} {interval} and the forecast of {words.count(steps, 'bar')} with its "
        "bands, beside the random walk and its band.",
    )  # fmt: skip
    st.markdown(series_words.record(score, forecast["version"], levels, model["metrics"]))
    if forecast["expired"]:
        st.warning(
            f"This model is too old: {words.plain(forecast['expired'])}",
            icon=":material/hourglass_bottom:",
        )
    _changes(bars, forecast)
    _downloads(ticker, interval, steps)


def _score(ticker: str, interval: str) -> Json | None:
    """What became of past forecasts; where the ledger cannot say, that is told."""
    try:
        found: Json = api().get(f"/ml/score/{resource(ticker, interval)}", past=_PAST)
    except ApiProblem as error:
        if error.status == 0:  # nothing answers: the page waits for it as a whole
            raise
        states.problem(error, "score")
        return None
    return found


def _settings(row: Json) -> tuple[int, list[int], int, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", key="settings"):
        steps = st.number_input(
            "Bars ahead", 1, _MOST_STEPS, value=row["horizon"] or 10, key="steps", bind="query-params",
            width=140, help="How many bars to forecast, up to 500",
        )  # fmt: skip
        level = st.segmented_control(
            "Bands, %", LEVELS, default="both", key="level", bind="query-params", required=True,
        )  # fmt: skip
        last = _bars()
        past = st.toggle(
            "Past forecasts", value=True, key="past", bind="query-params",
            help="What was forecast before, laid over what happened",
        )  # fmt: skip
    return steps, [80, 95] if level == "both" else [int(level)], last, past


def _bars() -> int:
    return int(
        st.segmented_control(
            "Bars shown", _BARS, default=120, key="bars", bind="query-params", required=True
        )
    )


def _changes(bars: Json, forecast: Json) -> None:
    st.subheader("The same as changes from bar to bar", anchor=False)
    st.caption(
        "A chart of prices flatters a model that only follows the price. This is what it has to call."
    )
    shown = {name: bars[name][-61:] for name in ("timestamp", "close")}
    st.plotly_chart(
        changes_figure(shown, forecast, palette()), theme=None, config=CONFIG, key="changes",
        alt="Changes from bar to bar, of the last 60 bars and of the forecast.",
    )  # fmt: skip


def _downloads(ticker: str, interval: str, steps: int) -> None:
    st.download_button(
        "Forecast as CSV",
        lambda: api().get_text("/ml/forecast", ticker=ticker, interval=interval, n_steps=steps),
        file_name=f"{ticker}_{interval}_forecast.csv".replace("/", "-"),
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )

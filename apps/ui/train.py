"""Train: choose series and how, start, watch, and read what was decided."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from apps.ui.attempts import attempt, failure
from apps.ui.client import ApiProblem
from apps.ui.drop import drop_zone
from apps.ui.following import follow, refreshed
from apps.ui.links import name_of, resource, series_of
from apps.ui.run_words import serving_words
from apps.ui.session import api, api_key
from apps.ui.states import empty, problem, shown
from apps.ui.train_form import Choice, choose
from apps.ui.words import plain

_LISTED: Final = 6
_COURSE: Final = """
1. **Read.** The series' CSV files are read again; rows that are no bars are set aside with a reason.
2. **Learn.** The model learns from the older bars and stops when it no longer improves on newer ones.
3. **Try.** On the newest bars, which it has not seen, it forecasts beside the random walk and the model
   that serves.
4. **Decide.** It serves only if it stands up to both; the decision is told here, with its figures.
   Forecasts follow by themselves.
"""


def page() -> None:
    """Draw the page; ``?series=AAPL_1d`` chooses, ``?run=ID`` follows what was started."""
    st.title("Train", anchor=False)
    st.caption(
        "A model learns from a series' bars and is then tried on bars that it has not seen. It serves "
        "only if it stands up to the random walk and to the model that serves now."
    )
    with shown("train", waits=True):
        names = [name_of(one["ticker"], one["interval"]) for one in api().get("/ml/series")["series"]]
        if not names:
            empty(
                "No series yet",
                "A model learns from bars: one CSV file for each ticker and interval.",
                icon=":material/upload_file:",
            )
            drop_zone("train")
            return
        options = api().get("/ml/options")
        left, right = st.columns([5, 7], gap="large")
        with left:
            choice = choose(names, options)
            _start(choice)
            with st.expander("Another series: add a CSV file", icon=":material/upload_file:"):
                drop_zone("train")
        with right:
            _now(choice)


def _start(choice: Choice) -> None:
    count = len(choice.series)
    label = f"Start {count} trainings" if count > 1 else "Start training"
    pressed = st.button(
        label, type="primary", icon=":material/play_arrow:", width="stretch", disabled=not choice.series
    )
    if not choice.series:
        st.caption("Choose a series first.")
    if pressed:
        started: list[str] = []
        with st.spinner("Asking Prefect for a run…"):
            attempt("start", lambda: _post(choice.series[len(started) :], choice, started))
        if started:
            st.query_params["run"] = started


def _post(names: Sequence[str], choice: Choice, started: list[str]) -> None:
    for name in names:
        ticker, interval = series_of(name)
        asked = {"ticker": ticker, "interval": interval, **choice.params}
        run = api().post("/ml/train", key=api_key(), params=asked)
        started.append(run["id"])


def _now(choice: Choice) -> None:
    """What runs, or, before that, what serves the series that are chosen."""
    failed = failure("start")
    runs = st.query_params.get_all("run")
    if runs:
        with st.container(key="following"):
            st.subheader("This training" if len(runs) == 1 else "These trainings", anchor=False)
            follow(runs)
        return
    if failed is None:
        refreshed("prefect", _prefect)
    if choice.series:
        st.subheader("What serves now", anchor=False)
    for name in choice.series[:_LISTED]:
        _serving(name)
    if len(choice.series) > _LISTED:
        st.caption(f"and {len(choice.series) - _LISTED} more")
    with st.container(border=True):
        st.subheader("How a training goes", anchor=False)
        st.markdown(_COURSE)


def _prefect() -> bool:
    """Say that Prefect is away before a click does; whether it is."""
    try:
        queued = api().get("/ml/runs", limit=1)["queued"]
    except ApiProblem as error:
        if error.status != 503:
            raise
        st.subheader("Trainings need Prefect", anchor=False)
        problem(error, "prefect")
        st.caption("`tickerflow up` starts it, with everything else, in one command.")
        return True
    if queued:
        waiting = "A training waits already" if queued == 1 else f"{queued} trainings wait already"
        st.info(f"{waiting}: a new one waits its turn.", icon=":material/schedule:")
    return False


def _serving(name: str) -> None:
    """What a training of this series is compared with."""
    ticker, interval = series_of(name)
    with st.container(border=True, key=f"serving_{name}"):
        st.markdown(f"**{plain(ticker)} {interval}**")
        try:
            model = api().get(f"/ml/models/{resource(ticker, interval)}")
        except ApiProblem as error:
            if error.status != 404:
                raise
            st.markdown("No model serves it yet: the first one that is sound will.")
            return
        st.markdown(plain(serving_words(model)))

"""Runs: what runs, what failed and why, and the way into Prefect's own pages."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import shell
from apps.ui.client import ApiProblem
from apps.ui.following import follow, refreshed
from apps.ui.links import TRAIN
from apps.ui.run_card import run_card
from apps.ui.session import api
from apps.ui.states import empty, problem

_STEP: Final = 20
_MOST: Final = 100  # that the service tells at once
_IDLE_SECONDS: Final = 15.0
_SHOWN: Final[Mapping[str, list[str]]] = {
    "all": [],
    "under way": ["pending", "running", "paused", "cancelling"],
    "failed": ["failed", "crashed"],
    "done": ["completed", "cancelled"],
}


def page() -> None:
    """Draw the page; ``?run=ID`` is one run in full, ``?show=failed`` those that failed."""
    st.title("Runs", anchor=False)
    one = st.query_params.get("run")
    if one:
        if st.button("All runs", icon=":material/arrow_back:", type="tertiary"):
            st.query_params.clear()
            st.rerun()
        follow([one])
        return
    st.caption("Trainings, forecasts and scores, newest first. Prefect runs them; this page follows.")
    show = st.segmented_control(
        "Which runs", list(_SHOWN), default="all", key="show", bind="query-params", required=True
    )
    limit = int(st.session_state.get("runs_limit", _STEP))
    refreshed(f"runs {show} {limit}", lambda: _list(show or "all", limit), idle=_IDLE_SECONDS)


def _list(show: str, limit: int) -> bool:
    """Draw the runs; whether any of them goes on."""
    try:
        found = api().get("/ml/runs", limit=limit, state=_SHOWN[show] or None)
        waiting = _waiting() if show == "under way" else []
    except ApiProblem as error:
        problem(error, "runs")
        if error.status == 503:
            st.caption("`tickerflow up` starts Prefect, with everything else, in one command.")
        return error.status in (0, 503)
    runs: list[dict[str, Any]] = waiting + found["runs"]
    _facts(found)
    if not runs:
        _nothing(show)
    for run in runs:
        run_card(run)
    if len(found["runs"]) == limit < _MOST and st.button("Show more", icon=":material/expand_more:"):
        st.session_state["runs_limit"] = limit + _STEP
        st.rerun(scope="app")
    return any(not run["ended"] for run in runs)


def _waiting() -> list[dict[str, Any]]:
    """Runs that are due. Asked for by their state, those of schedules days ahead would come as well."""
    due: list[dict[str, Any]] = api().get("/ml/runs", limit=_MOST)["runs"]
    return [run for run in due if run["state"] == "scheduled"]


def _facts(found: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        queued = found["queued"]
        if queued:
            words = "1 run waits" if queued == 1 else f"{queued} runs wait"
            st.badge(words, icon=":material/schedule:", color="gray")
        if found.get("ui"):
            st.link_button("Open Prefect", found["ui"], icon=":material/open_in_new:", type="tertiary")


def _nothing(show: str) -> None:
    if show == "all":
        empty(
            "Nothing has run yet",
            "Start a training: what runs is told here. So are runs by schedule, and those that "
            "`tickerflow up` begins for new files.",
            icon=":material/list_alt:",
        )
        st.page_link(shell.page(TRAIN), label="Train a series", icon=":material/model_training:")
        return
    words = {
        "under way": "Nothing runs at this moment.",
        "failed": "No run has failed.",
        "done": "No run has ended yet.",
    }
    empty("None", words[show], icon=":material/done_all:")

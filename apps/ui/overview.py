"""All series at a glance: price, forecast, skill, verdict, freshness, alerts."""

from typing import Any

import streamlit as st

from apps.ui import states, words
from apps.ui.board import board
from apps.ui.drop import drop_zone
from apps.ui.session import api

# A promotion or a new bar is seen without a reload; what has not changed is answered 304.
_EVERY = 5.0
_HOW_TO_READ = (
    f"{words.SKILL} An arrow stands only where a model is proven to do better, on bars that it had "
    "not seen."
)


def page() -> None:
    """Draw the page."""
    st.title("Overview", anchor=False)
    empty = st.fragment(_all, run_every=_EVERY)()
    # What is closed is not drawn: its fields are a second's worth of a first visit.
    adding = st.expander(
        "Add data", expanded=empty, icon=":material/upload_file:", key="adding", on_change="rerun"
    )
    if adding.open:
        with adding:
            drop_zone("overview")


def _all() -> bool:
    """All series; whether there are none."""
    empty = False
    with states.shown("overview"):
        answer = api().get("/ml/overview")
        empty = not answer["rows"]
        if empty:
            _nothing(answer["problems"])
        else:
            _series(answer)
        _problems([problem for problem in answer["problems"] if problem["name"]])
    return empty


def _series(answer: dict[str, Any]) -> None:
    st.markdown(summary(answer["rows"], answer["pending"]))
    st.caption(_HOW_TO_READ)
    board(answer["rows"])


def _nothing(problems: list[dict[str, str]]) -> None:
    folder = next((problem["detail"] for problem in problems if not problem["name"]), "")
    states.empty(
        "No data yet",
        "Drop CSV files of prices below, or put them into the raw folder: they appear here by "
        "themselves. Any vendor's columns will do.",
        folder,
        icon=":material/upload_file:",
    )


def _problems(problems: list[dict[str, str]]) -> None:
    if not problems:
        return
    title = f"{words.count(len(problems), 'file')} that could not take part"
    with st.expander(title, icon=":material/warning:"):
        for problem in problems:
            st.markdown(f"**{words.plain(problem['name'])}**: {words.plain(problem['detail'])}")
            if problem["hint"]:
                st.caption(f"What to do: {words.plain(problem['hint'])}")


def summary(rows: list[dict[str, Any]], pending: int) -> str:
    """The page in one sentence."""
    models = sum(row["promoted"] for row in rows)
    better = sum(row["promoted"] and row["standing"] == "better" for row in rows)
    said = words.count(len(rows), "series", "series")
    if not models:
        said += ", none of which has a model yet."
    elif not better:
        said += f", {words.count(models, 'model')}: none is proven to beat the random walk."
    else:
        said += f", {words.count(models, 'model')}: {better:,} proven to beat the random walk."
    if pending:
        said += f" {words.count(pending, 'series', 'series')} still being read."
    return said

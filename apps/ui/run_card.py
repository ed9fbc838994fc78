"""One run on a page: how far it is, what came of it and why, its end before time, where to go on."""

from html import escape
from typing import Any

import streamlit as st

from apps.ui.attempts import attempt, failure
from apps.ui.links import SERIES, name_of
from apps.ui.run_words import (
    Run,
    decision_of,
    ending_of,
    figures_of,
    grade_of,
    kind_of,
    look_of,
    now,
    one_series,
    progress_of,
    reason_of,
    reasons_of,
    rows_of,
    series_in,
    times_of,
)
from apps.ui.session import api, api_key
from apps.ui.shell import page
from apps.ui.words import plain

_SHOWN = 8  # series of a run's result; the table has them all


def run_card(run: Run, *, whole: bool = False) -> None:
    """Draw a run; ``whole`` tells its result in full, as a page of this run alone does."""
    with st.container(border=True, key=f"run_{run['id']}", gap="small"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"
        ):
            _head(run)
            if not whole:
                _ways(run, whole=False)
        if not run["ended"]:
            _under_way(run)
        elif whole:
            _result(run)
        else:
            _short(run)
        if whole:
            _ways(run, whole=True)
        if not run["ended"]:
            _ask(run)


def _head(run: Run) -> None:
    look = look_of(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        st.markdown(f"**{kind_of(run)}** · {plain(series_in(run))}", width="content")
        st.badge(look.words, icon=look.icon, color=look.colour)
        st.caption(times_of(run, now()), width="content")


def _under_way(run: Run) -> None:
    share, words = progress_of(run, now())
    if share is not None:
        st.progress(share, text=plain(words))
    elif run["state"] in ("running", "pending", "cancelling"):
        st.html(f'<div class="busy" role="progressbar" aria-label="{escape(words)}"></div>')
    if run.get("hint") and look_of(run).colour == "orange":
        st.warning(plain(run["hint"]), icon=":material/warning:")
    elif run.get("hint"):
        st.caption(plain(run["hint"]))


def _short(run: Run) -> None:
    """The end of a run in a line or two: why it failed, or what came of it."""
    for said in (ending_of(run), reason_of(run)):
        if said:
            st.text(said)


def _result(run: Run) -> None:
    why = reason_of(run)
    if why and not rows_of(run):
        st.text(why)
    if run.get("hint"):
        st.text(f"What to do: {run['hint']}")
    rows = rows_of(run)
    for row in rows[:_SHOWN]:
        _row(row, many=len(rows) > 1)
    if len(rows) > 1:
        with st.expander(f"All {len(rows)} series as a table"):
            st.dataframe(rows, hide_index=True, alt="Each series of the run, and how it ended")


def _row(row: dict[str, Any], *, many: bool) -> None:
    if "decision" not in row:
        look = grade_of(row)
        st.markdown(f"{look.icon} **{plain(str(row['series']))}** {plain(str(row.get('what') or ''))}")
        return
    decision = decision_of(row)
    series = f"{plain(str(row['series']))}: " if many else ""
    st.subheader(f"{decision.look.icon} {series}{plain(decision.title)}", anchor=False)
    st.markdown(plain(decision.words))
    reasons = reasons_of(row)
    if decision.look.colour == "red":
        st.text("\n".join(reasons))
        return
    figures = figures_of(row)
    if figures:
        with st.container(horizontal=True, gap="medium"):
            for label, figure, said in figures:
                st.metric(label, figure, help=said, width="content")
    if reasons:
        with st.expander("The decision in figures"):
            st.markdown("\n".join(f"- {plain(reason)}" for reason in reasons))


def _ways(run: Run, *, whole: bool) -> None:
    """Where one can go from here, and the end before time."""
    key, one = run["id"], one_series(run)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", width="content"):
        if one and run["ended"]:
            st.page_link(
                page(SERIES),
                label=f"Forecast of {plain(one[0])} {one[1]}" if whole else "Forecast",
                icon=":material/candlestick_chart:",
                query_params={"series": name_of(*one)},
            )
        if not whole and st.button(
            "Details", key=f"details_{key}", icon=":material/unfold_more:", type="tertiary"
        ):
            st.query_params["run"] = key
            st.rerun(scope="app")
        if run.get("ui"):
            st.link_button("Prefect's log", run["ui"], icon=":material/open_in_new:", type="tertiary")
        if not run["ended"] and run["state"] != "cancelling":
            asked = st.button(
                "Cancel", key=f"cancel_{key}", icon=":material/stop_circle:", type="tertiary"
            )
            if asked:
                st.session_state[f"asking_{key}"] = True


def _ask(run: Run) -> None:
    """Ask before a run is cancelled: in the page, for a dialog would close with the next refresh."""
    key = run["id"]
    if st.session_state.get(f"asking_{key}"):
        with st.container(border=True, key=f"ask_{key}"):
            st.markdown(
                "**Cancel this run?** What it has learnt so far is lost. What serves, serves on."
            )
            with st.container(horizontal=True, gap="small"):
                yes = st.button("Yes, cancel it", key=f"yes_{key}", type="primary")
                no = st.button("No, let it go on", key=f"no_{key}")
        if yes:
            attempt(f"cancel_{key}", lambda: api().post(f"/ml/runs/{key}/cancel", key=api_key()))
        if yes or no:
            del st.session_state[f"asking_{key}"]
            st.rerun(scope="app")
    failure(f"cancel_{key}")

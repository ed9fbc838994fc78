"""How past forecasts of a series have done: outcomes in and out of the band, error, coverage, alarms."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import states, words
from apps.ui.chart_style import CONFIG
from apps.ui.charts_record import coverage_figure, error_figure, outcome_figure, outcomes
from apps.ui.links import resource
from apps.ui.session import api
from apps.ui.theme import palette

Json = Mapping[str, Any]

_PAST: Final = 250
_COUNTS: Final = "A forecast that was made after a bar had closed is not counted for that bar."


def show(ticker: str, interval: str, row: Json) -> None:
    """Draw the view; the step and the band stand in the address as ``step`` and ``band``."""
    score = api().get(f"/ml/score/{resource(ticker, interval)}", past=_PAST)
    for alarm in score["alarms"]:
        said = f"{alarm['words'][:1].upper()}{alarm['words'][1:]}"
        st.warning(
            f"{words.plain(said)} ({words.stamp(alarm['raised_at'])})",
            icon=":material/notifications_active:",
        )
    if not score["by_step"]:
        waiting = words.count(score["open_steps"], "step")
        states.empty(
            "No forecast has come due yet",
            f"{waiting[0].upper()}{waiting[1:]} of past forecasts wait for their bars."
            if score["open_steps"]
            else "A forecast is scored once the bars that it forecast are there.",
            "Forecast at the close of each bar, put newer files into the raw folder, and run "
            "`tickerflow score`.",
            icon=":material/schedule:",
        )
        return
    _outcomes(score)
    _by_step(score)
    _versions(score)


def _outcomes(score: Json) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scored = [one["step"] for one in score["by_step"]]
        step = st.number_input(
            "Bars ahead", min(scored), max(scored), value=min(scored), key="step", bind="query-params",
            width=140, help=_COUNTS if min(scored) > 1 else None,
        )  # fmt: skip
        level = st.segmented_control(
            "Band, %", [80, 95], default=80, key="band", bind="query-params", required=True,
        )  # fmt: skip
    found = outcomes(score["past"], step, level)
    if not found:
        st.info("Of this step nothing has come due yet.")
        return
    held = sum(one.held for one in found) / len(found)
    st.markdown(f"**{words.coverage(held, level, len(found))}.**")
    st.plotly_chart(
        outcome_figure(found, level, palette()), theme=None, config=CONFIG, key="outcomes",
        alt=f"The {level}% band {words.count(step, 'bar')} ahead as time went by, and where "
        f"{words.count(len(found), 'outcome')} landed.",
    )  # fmt: skip
    st.caption(
        "As changes from the last close that was known when the forecast was made. What was forecast is "
        "never changed afterwards, misses included."
    )


def _by_step(score: Json) -> None:
    steps = score["by_step"]
    numbers = [one["step"] for one in steps]
    error, coverage = st.columns(2)
    with error:
        st.subheader("Error by step, live", anchor=False)
        figure = error_figure(
            [one["mae"] for one in steps], [one["mae_walk"] for one in steps], palette(),
            shares=True, name="Forecasts", steps=numbers,
        )  # fmt: skip
        st.plotly_chart(
            figure, theme=None, config=CONFIG, key="live_error",
            alt="Mean absolute error by step, of the forecasts and of the random walk.",
        )  # fmt: skip
    with coverage:
        st.subheader("Bands by step, live", anchor=False)
        held = {level: [one[f"coverage_{level}"] for one in steps] for level in (80, 95)}
        st.plotly_chart(
            coverage_figure(held, palette(), steps=numbers),
            theme=None, config=CONFIG, key="live_coverage",
            alt="Share of outcomes in the 80% and the 95% band by step, beside what was promised.",
        )  # fmt: skip
    st.caption(
        f"Over {words.count(sum(one['n'] for one in steps), 'outcome')} of all versions; "
        f"{words.count(score['open_steps'], 'step')} wait for their bars."
    )


def _versions(score: Json) -> None:
    st.subheader("By version", anchor=False)
    st.table(
        [
            {
                "Model": one["model"],
                "Forecasts from": f"{words.stamp(one['first'])} to {words.stamp(one['last'])}",
                "Forecasts": f"{one['forecasts']:,}",
                "Beside the random walk": words.skill(one["skill"]),
                "In the 80% band": f"{one['coverage_80']:.0%}",
                "In the 95% band": f"{one['coverage_95']:.0%}",
            }
            for one in reversed(score["versions"])
        ],
        hide_index=True,
    )

"""One series: its prices and forecast, how past forecasts have done, its model, its data.

Every state is a link: ``?series=AAPL_1d&view=Forecast&steps=20&level=80``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import series_data, series_forecast, series_model, series_record, states, words
from apps.ui.links import name_of, series_of
from apps.ui.series_empty import no_file, no_series
from apps.ui.series_words import BADGES
from apps.ui.session import api
from apps.ui.shell import entitle

Json = Mapping[str, Any]
View = Callable[[str, str, Json], None]

# By what a link says, which is what the button says.
VIEWS: Final[Mapping[str, View]] = {
    "Forecast": series_forecast.show,
    "Record": series_record.show,
    "Model": series_model.show,
    "Data": series_data.show,
}
_EVERY = 5.0


def page() -> None:
    """Draw the page."""
    with states.shown("series", waits=True):
        board = api().get("/ml/overview")
        rows = {name_of(row["ticker"], row["interval"]): row for row in board["rows"]}
        if not rows and not st.query_params.get("series"):
            st.title("Series", anchor=False)
            no_series()
            return
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom", key="which"
        ):
            heading = st.container(width="content")
            name = _chosen(list(rows))
            entitle(" ".join(series_of(name)))
            heading.title(words.plain(" ".join(series_of(name))), anchor=False)
        if name in rows:
            _series(name, rows[name])
        else:
            _not_on_the_board(name)


def _chosen(names: list[str]) -> str:
    """The series of the address, or the first; one that does not exist stays chosen, and is said.

    A ticker alone is its first series.
    """
    name = st.query_params.get("series") or names[0]
    if name not in names:
        name = next((one for one in names if series_of(one)[0] == name), name)
    if st.query_params.get("series") != name:
        st.query_params["series"] = name
    key = f"pick_{name}"  # another series, another widget: the address alone says which is chosen

    def go() -> None:
        if st.session_state[key]:
            st.query_params["series"] = st.session_state[key]

    st.selectbox(
        "Series",
        names,
        index=names.index(name) if name in names else None,
        key=key,
        on_change=go,
        placeholder="Choose or type a series",
        format_func=lambda one: " ".join(series_of(one)),
        label_visibility="collapsed",
        width=320,
    )
    return name


def _series(name: str, row: Json) -> None:
    ticker, interval = series_of(name)
    _header(row)
    _watch(name, _state(row))
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default="Forecast",
        key="view",
        bind="query-params",
        required=True,
        label_visibility="collapsed",
    )
    with states.shown(f"series_{view}", waits=True):
        VIEWS[view](ticker, interval, row)


def _not_on_the_board(name: str) -> None:
    """A series that is not there, that only the store has still, or whose file came this very moment."""
    ticker, interval = series_of(name)
    if not ticker:  # a ticker alone, of which there is no series
        ticker, interval = name, "1d"
    _watch(name, ())
    with states.shown("unknown", waits=True):
        quality = api().get("/ml/quality", ticker=ticker, interval=interval)
        if quality["files"]:
            st.info("Its files are being read.", icon=":material/hourglass_top:")
        else:
            no_file(ticker, interval)


def _header(row: Json) -> None:
    said = words.served(row)
    colour, icon = BADGES["damaged" if said == words.DAMAGED else row["standing"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(said, icon=icon, color=colour)
        if row["model"]:
            st.badge(words.plain(row["model"]), icon=":material/neurology:", color="gray")
    if row["last"]:
        _figures(row)
    _alerts(row)


def _figures(row: Json) -> None:
    with st.container(horizontal=True, key="figures"):
        change = f" ({words.share(row['change'])})" if row["change"] is not None else ""
        st.metric("Last close", words.price(row["last_close"]), help=f"The last bar{change}")
        st.metric("Last bar", words.stamp(row["last"]), help=words.freshness(row["overdue_bars"]))
        if row["model"]:
            st.metric("Skill on test bars", words.share(row["skill"]), help=words.skill(row["skill"]))
        if row["live"]:
            live = row["live"]
            told = f"Over {words.count(live['forecasts'], 'forecast')} that came due: it "
            st.metric("Skill live", words.share(live["skill"]), help=told + words.skill(live["skill"]))
    if row["model"]:
        st.caption(words.SKILL)


def _alerts(row: Json) -> None:
    for alert in row["alerts"]:
        with st.container(border=True, gap="xsmall", key=f"alert_{alert['kind']}"):
            st.markdown(f":material/warning: {words.plain(words.sentence(alert['words']))}")
            if alert["hint"]:
                st.caption(f"What to do: {words.plain(words.sentence(alert['hint']))}")


def _state(row: Json | None) -> tuple[object, ...]:
    if row is None:
        return ()
    return tuple(row[name] for name in ("last", "rows", "quarantined", "version", "generation"))


def _watch(name: str, drawn: tuple[object, ...]) -> None:
    """Draw the page again once there is a new bar or another model; else it stays as it is."""

    @st.fragment(run_every=_EVERY)
    def look() -> None:
        with states.shown("watch"):
            rows = api().get("/ml/overview")["rows"]
            now = next((row for row in rows if name_of(row["ticker"], row["interval"]) == name), None)
            if _state(now) != drawn:
                st.rerun()

    look()

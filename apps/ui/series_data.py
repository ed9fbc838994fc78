"""The data of a series: its files, gaps, rows that are no bars and why, and the bars to take away."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import series_words, words
from apps.ui.session import api

Json = Mapping[str, Any]

_GAPS: Final = 20
_LAST: Final = 5000


def show(ticker: str, interval: str, row: Json) -> None:
    """Draw the view."""
    quality = api().get("/ml/quality", ticker=ticker, interval=interval)
    if quality["problem"]:
        with st.container(border=True, key="rejected"):
            st.subheader(":material/error: These files cannot be used", anchor=False)
            st.text(quality["problem"])
            if quality["hint"]:
                st.text(f"What to do: {quality['hint']}")
    st.markdown(f"**{series_words.gaps(quality)}**")
    for warning in quality["warnings"]:
        st.caption(words.plain(warning))
    _files(quality)
    _gaps(quality)
    if quality["rows"] or quality["quarantined"]:
        _quarantined(quality)
    _suspects(quality)
    if quality["rows"]:
        _download(ticker, interval)


def _files(quality: Json) -> None:
    st.subheader("Files", anchor=False)
    if not quality["files"]:
        st.text("No raw file is left; what there is was read before.")
        return
    st.table(
        [
            {
                "File": words.plain(one["name"]),
                "Size": _size(one["bytes"]),
                "Changed": words.ago(one["modified"]),
            }
            for one in quality["files"]
        ],
        hide_index=True,
    )


def _size(count: int) -> str:
    return f"{count / 1024:,.0f} kB" if count >= 1024 else words.count(count, "byte")


def _gaps(quality: Json) -> None:
    if not quality["n_gaps"]:
        return
    st.subheader("Gaps", anchor=False)
    st.caption("Where the calendar of the series expects bars and its files have none, newest first.")
    st.table(
        [
            {
                "After the bar of": words.stamp(gap["after"]),
                "Before that of": words.stamp(gap["before"]),
                "Missing": words.count(gap["missing"], "bar"),
            }
            for gap in quality["gaps"][:_GAPS]
        ],
        hide_index=True,
    )
    if quality["n_gaps"] > _GAPS:
        st.caption(f"and {words.count(quality['n_gaps'] - _GAPS, 'earlier gap')}")


def _quarantined(quality: Json) -> None:
    st.subheader("Rows that are no bars", anchor=False)
    total = sum(quality["quarantined"].values())
    if not total:
        st.text("Every row of the files is a bar.")
        return
    st.caption("They are set aside and take no part; the files stay as they are.")
    for name, number in quality["quarantined"].items():
        st.markdown(f"- **{words.count(number, 'row')}**: {series_words.reason(name)}")
    with st.expander("Show the rows", icon=":material/table_rows:", expanded=total <= 5):
        for one in quality["examples"]:
            # As code: a row holds what a stranger has written.
            where = f"{words.plain(one['file'])}, line {one['line']}"
            st.caption(f"{where}: {series_words.reason(one['reason'])}")
            st.code(one["text"], language=None)
        if total > len(quality["examples"]):
            st.caption(f"and {words.count(total - len(quality['examples']), 'more row')}")


def _suspects(quality: Json) -> None:
    if not quality["suspect"]:
        return
    st.subheader("Bars to look at", anchor=False)
    st.caption("They can be read and stay in use, but cannot be right: far off their neighbours.")
    shown = [words.stamp(at) for at in quality["suspect"][:_GAPS]]
    more = len(quality["suspect"]) - len(shown)
    st.text(", ".join(shown) + (f" and {more:,} more" if more > 0 else ""))


def _download(ticker: str, interval: str) -> None:
    st.download_button(
        "Bars as CSV",
        lambda: api().get_text("/ml/bars", ticker=ticker, interval=interval, last=_LAST),
        file_name=f"{ticker}_{interval}_bars.csv".replace("/", "-"),
        mime="text/csv",
        icon=":material/download:",
        help=f"The newest {_LAST:,} at most",
        on_click="ignore",
    )

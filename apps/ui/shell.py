"""The frame around every page: its name, the four pages, and the way between them."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import streamlit as st

from apps.ui.links import OVERVIEW, RUNS, SERIES, TRAIN
from apps.ui.session import key_in_use

_NAME = "Tickerflow"
_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = ("menu.js", "history.js")
_PAGES = {
    OVERVIEW: ("Overview", ":material/grid_view:"),
    SERIES: ("Series", ":material/candlestick_chart:"),
    TRAIN: ("Train", ":material/model_training:"),
    RUNS: ("Runs", ":material/list_alt:"),
}


def show() -> None:
    """Draw the page that the browser's address names."""
    st.set_page_config(page_title=_NAME, page_icon=str(_ASSETS / "mark.svg"), layout="wide")
    st.logo(str(_ASSETS / "mark.svg"), size="medium")
    st.html(f"<style>{(_ASSETS / 'shell.css').read_text()}</style>")
    # Before there is a menu, and long before the page is drawn: that waits for the service.
    scripts = "".join((_ASSETS / name).read_text() for name in _SCRIPTS)
    with st.container(key="scripts"):
        st.html(f"<script>{scripts}</script>", unsafe_allow_javascript=True)
    chosen = st.navigation([*map(page, _PAGES), _front_door()], position="top")
    entitle(chosen.title)
    chosen.run()
    key_in_use()


def page(name: str) -> st.Page:
    """A page by its name, for links."""
    title, icon = _PAGES[name]
    first = name == OVERVIEW
    return st.Page(_drawn(name), title=title, icon=icon, url_path="" if first else name, default=first)


def entitle(title: str) -> None:
    """What the browser's tab, its history and a screen reader call the page."""
    st.set_page_config(page_title=f"{title} · {_NAME}")


def _front_door() -> st.Page:
    """The overview by its name: its address is the dashboard's own, and what follows in it is kept."""

    def go() -> None:
        st.switch_page(page(OVERVIEW), query_params=st.query_params.to_dict())

    return st.Page(go, title=_PAGES[OVERVIEW][0], url_path=OVERVIEW, visibility="hidden")


def _drawn(name: str) -> Callable[[], None]:
    def draw() -> None:
        # A page is imported when it is shown first: plotly alone takes most of a second.
        import_module(f"apps.ui.{name}").page()

    return draw

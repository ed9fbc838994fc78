"""Runs as they go: drawn again by themselves until all of them have ended."""

from collections.abc import Callable, Sequence
from urllib.parse import quote

import streamlit as st

from apps.ui.client import ApiProblem
from apps.ui.run_card import run_card
from apps.ui.run_words import Run
from apps.ui.session import api
from apps.ui.states import problem

_SECONDS = 2.0


def follow(ids: Sequence[str]) -> None:
    """Draw these runs in full."""

    def draw() -> bool:
        going = False
        for key in ids:
            try:
                run: Run = api().get(f"/ml/runs/{quote(key, safe='')}")
            except ApiProblem as error:
                problem(error, f"run_{key}")
                going = going or error.status in (0, 503)
                continue
            run_card(run, whole=True)
            going = going or not run["ended"]
        return going

    refreshed(f"follow {' '.join(ids)}", draw)


def refreshed(name: str, draw: Callable[[], bool], idle: float | None = None) -> None:
    """Draw every two seconds for as long as ``draw`` says so, then every ``idle`` seconds or not at all.

    Only this part of the page is drawn again: what is typed or opened elsewhere stays as it is.
    """
    slot = f"refreshed {name}"
    going: bool = st.session_state.get(slot, True)

    def part() -> None:
        st.session_state[slot] = draw()
        if st.session_state[slot] != going:
            st.rerun(scope="app")  # the pace is set where the part is made

    st.fragment(part, run_every=_SECONDS if going else idle)()

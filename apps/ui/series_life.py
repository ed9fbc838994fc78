"""The life of a series' model, and the way back to an earlier version, which asks first."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from apps.ui import states, words
from apps.ui.client import ApiProblem
from apps.ui.links import resource
from apps.ui.series_words import event
from apps.ui.session import api, api_key

Json = Mapping[str, Any]

_SHOWN: Final = 10
_REFUSED: Final = "rollback_refused"
_SERVED: Final = ("promoted", "forced", "rolled_back")


def life(ticker: str, interval: str, history: list[Json], serves: str) -> None:
    """What happened to the series, newest first, with a button where a version can serve again.

    ``serves`` is the version that serves; empty where that cannot be read, and may come back whole.
    """
    st.subheader("Life of the model", anchor=False)
    back = _ways_back(history, serves)
    for place, one in enumerate(history[:_SHOWN]):
        _happening(ticker, interval, one, offered=back.get(one["version"]) == place)
    if len(history) > _SHOWN:
        with st.expander(f"{words.count(len(history) - _SHOWN, 'earlier event')}"):
            for place, one in enumerate(history[_SHOWN:], _SHOWN):
                _happening(ticker, interval, one, offered=back.get(one["version"]) == place)


def _ways_back(history: list[Json], serves: str) -> dict[str, int]:
    """Where each version that once served, and does not now, stands first in the history."""
    found: dict[str, int] = {}
    for place, one in enumerate(history):
        if one["event"] in _SERVED and not one["problem"] and one["version"] != serves:
            found.setdefault(one["version"], place)
    return found


def _happening(ticker: str, interval: str, one: Json, *, offered: bool) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{event(one['event'])} {one['model']}**", width="content")
            if one["serves"]:
                st.badge("Serves now", icon=":material/check:", color="green")
            elif offered and st.button(
                "Roll back to this", icon=":material/undo:", key=f"back_{one['version']}",
                help=f"Let version {one['version']} serve again",
            ):  # fmt: skip
                st.session_state.pop(_REFUSED, None)
                _ask(ticker, interval, one)
        when = f"{words.stamp(one['at'])} · " if one["at"] else ""
        skill = f" · on test bars it {words.skill(one['skill'])}" if one["skill"] is not None else ""
        st.caption(f"{when}version {one['version']}{skill}")
        said = one["problem"] or one["reason"]
        if said:
            st.text(said)


@st.dialog("Go back to an earlier version?")
def _ask(ticker: str, interval: str, one: Json) -> None:
    st.markdown(
        f"From the next forecast on, **{one['model']}** of {words.stamp(one['at'])} serves "
        f"{words.plain(ticker)} {interval} again. Nothing is deleted: you can come back the same way."
    )
    st.caption(f"Version {one['version']}")
    with st.container(horizontal=True, horizontal_alignment="right"):
        stay = st.button("Leave it", key="stay")
        back = st.button("Roll back", type="primary", icon=":material/undo:", key="roll_back")
    if stay:
        st.rerun()
    if back:
        st.session_state.pop(_REFUSED, None)
        path = f"/ml/models/{resource(ticker, interval)}/rollback"
        try:
            api().post(path, key=api_key(), params={"version": one["version"]})
        except ApiProblem as error:
            st.session_state[_REFUSED] = error
        else:
            st.toast(
                f"{one['model']} serves {words.plain(ticker)} {interval} again.", icon=":material/undo:"
            )
            st.rerun()
    # Kept until the dialog is opened again: its field for the key must outlive the press of a button.
    if _REFUSED in st.session_state:
        states.problem(st.session_state[_REFUSED], "rollback")

"""What a page shows when it has nothing to show: empty, failed, waiting. All of it in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from apps.ui.client import ApiProblem
from apps.ui.session import api, ask_for_key
from apps.ui.words import plain, sentence


def empty(title: str, words: str, hint: str = "", icon: str = ":material/inbox:") -> None:
    """Nothing is there yet: why, and what to do about it. Markdown throughout."""
    with st.container(border=True, key=f"state_empty_{_slug(title)}"):
        st.subheader(f"{icon} {title}", anchor=False)
        st.markdown(words)
        if hint:
            st.caption(hint)


def problem(error: ApiProblem, place: str = "") -> None:
    """Why something did not work, what to do about it, and the code of the guide of errors.

    Where the service asks for its API key, the field for it is shown; ``place`` tells two of them on
    one page apart.
    """
    with st.container(border=True, key=f"state_problem_{place or error.status}_{_slug(error.message)}"):
        st.subheader(f":material/error: {_title(error)}", anchor=False)
        st.markdown(plain(sentence(error.message)))
        if error.hint:
            st.markdown(f"**What to do:** {plain(sentence(error.hint))}")
        if error.code:
            st.caption(f"{error.code} in the guide of errors")
        if error.status == 401:
            ask_for_key(place)


@contextmanager
def shown(place: str = "", *, waits: bool = False) -> Iterator[None]:
    """Show a problem of the block where it would have drawn; what follows the block is drawn as well.

    With ``waits`` the page is drawn again once a service that did not answer does.
    """
    try:
        yield
    except ApiProblem as error:
        problem(error, place)
        if waits and error.status == 0:
            _await_service()


@st.fragment(run_every=3.0)
def _await_service() -> None:
    st.caption("This page goes on by itself as soon as it answers.")
    try:
        api().get("/healthz")
    except ApiProblem:
        return
    st.rerun()


def _title(error: ApiProblem) -> str:
    if error.status == 0:
        return "The service does not answer"
    titles = {
        401: "An API key is needed",
        403: "Not allowed from here",
        404: "Not there",
        409: "Not possible as things are",
        413: "Too large",
        422: "Not understood",
        429: "Too much at once",
        503: "Not available at this moment",
    }
    return titles.get(error.status, "It did not work")


def _slug(text: str) -> str:
    return "".join(one if one.isalnum() else "_" for one in text.lower())[:60]

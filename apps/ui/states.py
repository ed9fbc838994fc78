"""What a page shows when it has nothing to show: empty, failed, waiting. All of it in words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from apps.ui.client import ApiProblem
from apps.ui.session import ask_for_key


def empty(title: str, words: str, hint: str = "", icon: str = ":material/inbox:") -> None:
    """Nothing is there yet: why, and what to do about it. Markdown throughout."""
    with st.container(border=True, key=f"state_empty_{_slug(title)}"):
        st.markdown(f"### {icon} {title}")
        st.markdown(words)
        if hint:
            st.caption(hint)


def problem(error: ApiProblem, place: str = "") -> None:
    """Why something did not work, what to do about it, and the code of the guide of errors.

    Where the service asks for its API key, the field for it is shown; ``place`` tells two of them on
    one page apart.
    """
    with st.container(border=True, key=f"state_problem_{place or error.status}_{_slug(error.message)}"):
        st.markdown(f"### :material/error: {_title(error)}")
        st.markdown(plain(error.message))
        if error.hint:
            st.markdown(f"**What to do:** {plain(error.hint)}")
        if error.code:
            st.caption(f"{error.code} in the guide of errors")
        if error.status == 401:
            ask_for_key(place)


@contextmanager
def shown(place: str = "") -> Iterator[None]:
    """Show a problem of the block where it would have drawn; what follows the block is drawn as well."""
    try:
        yield
    except ApiProblem as error:
        problem(error, place)


def plain(text: str) -> str:
    """A text of the service as markdown: what files and parameters hold stays text, `so` stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick alone is one
        return _escaped(text)
    return "".join(f"`{part}`" if at % 2 and part else _escaped(part) for at, part in enumerate(parts))


def _escaped(text: str) -> str:
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


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

"""What a click asks of the service, and its failure, which stays until the next click."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import streamlit as st

from apps.ui.client import ApiProblem
from apps.ui.session import api_key
from apps.ui.states import problem

Result = TypeVar("Result")

_BUSY: Final = 503
_TIMES: Final = 3
_PAUSE_SECONDS: Final = 1.0


def attempt(place: str, action: Callable[[], Result]) -> Result | None:
    """Do it; where it fails, None, and `failure` shows why in the drawings to come.

    A click lasts for one drawing, and a field for the API key needs a second one to be read. An action
    that a busy Prefect was too slow for is done again: so it has to be one that may be.
    """
    forget(place)
    for _ in range(_TIMES - 1):
        try:
            return action()
        except ApiProblem as error:
            if error.status != _BUSY:
                _keep(place, error)
                return None
        time.sleep(_PAUSE_SECONDS)
    try:
        return action()
    except ApiProblem as error:
        _keep(place, error)
        return None


def failure(place: str) -> ApiProblem | None:
    """Show why the last attempt failed; a new API key makes it worth another."""
    error, key = st.session_state.get(_slot(place), (None, ""))
    if error is None:
        return None
    if key != api_key():
        st.info("The API key is set: try again.", icon=":material/key:")
        return None
    problem(error, place)
    return error if isinstance(error, ApiProblem) else None


def forget(place: str) -> None:
    """Show nothing of the last attempt any more."""
    st.session_state.pop(_slot(place), None)


def _keep(place: str, error: ApiProblem) -> None:
    st.session_state[_slot(place)] = (error, api_key())


def _slot(place: str) -> str:
    return f"attempt_{place}"

"""Adding a CSV: it goes into the service's raw folder, under the name that says which series it is."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from apps.ui import shell
from apps.ui.client import ApiProblem
from apps.ui.links import RUNS, SERIES, TRAIN, name_of
from apps.ui.session import api, api_key
from apps.ui.states import problem

_FORM: Final = (
    "Named for what it holds: `AAPL_1d.csv` or `AAPL_1d_anything.csv` is Apple by the day, "
    "`BTC-USD_1h.csv` bitcoin by the hour. A header with date, open, high, low, close and, where there "
    "is one, volume; vendors' own spellings are understood."
)
_NEXT: Final = (
    "`tickerflow up` notices it by itself, trains the series if it is new, and forecasts. Otherwise, or "
    "with `--notice off`, the next training reads it."
)
_INTERVALS: Final = ["1d", "1h", "4h", "30m", "15m", "5m", "1m", "1wk", "1mo"]
_BAD_NAME: Final = "TF003"  # of the guide of errors
# As the service writes a ticker in a file's name; what it does not take it refuses itself.
_SAFE: Final = "=^+,@$&()!~"


def drop_zone(place: str) -> None:
    """A field for files, and below it what became of each; ``place`` tells two of them apart."""
    files = st.file_uploader(
        "Drop CSV files with bars here", type="csv", accept_multiple_files=True, key=f"drop_{place}"
    )
    st.caption(_FORM)
    for file in files:
        with st.container(border=True, key=f"dropped_{place}_{file.file_id}"):
            _one(file, place)


def _one(file: UploadedFile, place: str) -> None:
    """Send a file once, and say in every drawing to come what became of it."""
    slot = f"dropped {file.file_id}"
    if slot not in st.session_state or _has_key_now(*st.session_state[slot]):
        _send(file, file.name, slot)
    outcome = st.session_state[slot][0]
    if isinstance(outcome, ApiProblem):
        _refused(file, outcome, slot, place)
    else:
        _taken(outcome, place)


def _has_key_now(outcome: object, key: str) -> bool:
    return isinstance(outcome, ApiProblem) and outcome.status == 401 and key != api_key()


def _send(file: UploadedFile, name: str, slot: str) -> None:
    outcome: dict[str, Any] | ApiProblem
    try:
        outcome = api().upload(name, file.getvalue(), key=api_key())
    except ApiProblem as error:
        outcome = error
    st.session_state[slot] = (outcome, api_key())


def _taken(answer: Mapping[str, Any], place: str) -> None:
    ticker, interval = answer["ticker"], answer["interval"]
    st.markdown(f":material/check_circle: **{_code(ticker)} {_code(interval)} is there.**")
    st.markdown(f"Saved as {_code(answer['file'])}, {_size(answer['bytes'])}.")
    st.markdown(_NEXT)
    name = name_of(ticker, interval)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if place == "train":
            st.button(
                "Choose it above",
                key=f"choose_{place}_{name}",
                icon=":material/add:",
                on_click=_choose,
                args=(name,),
            )
        else:
            st.page_link(
                shell.page(TRAIN),
                label="Train it",
                icon=":material/model_training:",
                query_params={"series": name},
            )
        st.page_link(
            shell.page(SERIES),
            label="Its page",
            icon=":material/candlestick_chart:",
            query_params={"series": name},
        )
        st.page_link(shell.page(RUNS), label="What runs now", icon=":material/list_alt:")


def _choose(name: str) -> None:
    """Before the next drawing: a field can be set only before it is drawn."""
    chosen = list(st.session_state.get("series", []))
    st.session_state["series"] = chosen if name in chosen else [*chosen, name]


def _refused(file: UploadedFile, error: ApiProblem, slot: str, place: str) -> None:
    if error.code == _BAD_NAME and error.status == 422:
        _name(file, slot, error)
        return
    st.markdown(f"{_code(file.name)} was not added.")
    problem(error, f"{place}_{file.file_id}")
    if free := _free_name(error):
        if st.button(f"Add it beside that one, as {free}", key=f"beside_{slot}"):
            _send(file, free, slot)
            st.rerun()
    elif error.status in (0, 429, 503) and st.button("Try again", key=f"again_{slot}"):
        _send(file, file.name, slot)
        st.rerun()


def _name(file: UploadedFile, slot: str, error: ApiProblem) -> None:
    """Ask what the file holds, where its name does not say so."""
    with st.form(f"name_{slot}", border=False):
        st.markdown(f"**What does** {_code(file.name)} **hold?**")
        st.text(f"Its name does not say so: {error.message}.")
        left, right = st.columns(2)
        ticker = left.text_input("Ticker", placeholder="AAPL", max_chars=64)
        interval = right.selectbox(
            "Interval", _INTERVALS, accept_new_options=True, help="The time from one bar to the next"
        )
        if st.form_submit_button("Add it under this name", icon=":material/upload_file:") and ticker:
            _send(file, f"{quote(ticker.strip(), safe=_SAFE)}_{interval}.csv", slot)
            st.rerun()


def _free_name(error: ApiProblem) -> str:
    """The name that the service proposes where the file's own is taken; empty where it does not."""
    found = re.search(r"upload it as (\S+\.csv)", error.hint) if error.status == 409 else None
    return found[1] if found else ""


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} kB"


def _code(text: str) -> str:
    """As code, where nothing in it is markup."""
    return f"`` {text.replace('`', '')} ``"

"""What a session holds: the client, which all share, and the API key, which none does."""

import streamlit as st

from apps.ui.client import Api

_KEY = "api_key"


@st.cache_resource(show_spinner=False)
def api() -> Api:
    """The client of the HTTP service."""
    return Api()


def api_key() -> str:
    """The key that was typed in this session; empty where none was asked for."""
    return str(st.session_state.get(_KEY, ""))


def ask_for_key(place: str = "") -> None:
    """The field for the service's API key; what is typed is kept until the browser's tab is closed."""
    with st.form(f"key_form_{place}", border=False):
        typed = st.text_input("API key", type="password", autocomplete="off")
        if st.form_submit_button("Use this key", icon=":material/key:") and typed:
            st.session_state[_KEY] = typed
            st.rerun()


def key_in_use() -> None:
    """In the sidebar, where a key was typed: that it is in use, and how to forget it."""
    if not api_key():
        return
    with st.sidebar:
        st.caption("Changes are sent with the API key that you typed, until this tab is closed.")
        if st.button("Forget the key", icon=":material/key_off:"):
            del st.session_state[_KEY]
            st.rerun()

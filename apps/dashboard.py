"""The dashboard: ``python -m apps.dashboard``, or ``streamlit run apps/dashboard.py``.

It knows the HTTP service alone, whose address is `TICKERFLOW_API_URL`, by default http://127.0.0.1:8000.
The arguments are Streamlit's options.
"""

import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType

import streamlit as st
from starlette.middleware import Middleware
from streamlit.web import cli

_HERE = Path(__file__).resolve().parent
# The first page, and what Streamlit and httpx import only when they first draw and ask.
_FIRST_DRAWN = ("apps.ui.overview", "httpcore", "pandas", "PIL.Image")

# Streamlit puts this script's folder first on the path, where apps/http would hide Python's own http.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _HERE]
if str(_HERE.parent) not in sys.path:
    sys.path.insert(0, str(_HERE.parent))

from apps.ui.typed import Typed  # noqa: E402  # needs the path that was just made

# Streamlit finds it here by its name, and serves it.
app = st.App(_HERE / "ui" / "visit.py", middleware=[Middleware(Typed)])


def serve() -> None:
    """Serve until a signal ends it. What a first visitor would wait for is imported before."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _end)  # the server raises it again once it has closed its connections
    for module in _FIRST_DRAWN:
        import_module(module)
    cli.main(["run", str(_HERE / "dashboard.py"), *sys.argv[1:]])


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    serve()

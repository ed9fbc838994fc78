"""The dashboard: ``streamlit run apps/dashboard.py``. It knows the HTTP service alone.

The service's address is `TICKERFLOW_API_URL`, by default http://127.0.0.1:8000.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent

# Streamlit puts this script's folder first on the path, where apps/http would hide Python's own http.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _HERE]
if str(_HERE.parent) not in sys.path:
    sys.path.insert(0, str(_HERE.parent))

from apps.ui.shell import show  # noqa: E402  # needs the path that was just made

show()

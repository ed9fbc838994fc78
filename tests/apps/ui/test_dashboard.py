"""How the dashboard is started."""

import re
import subprocess
import sys


def test_what_a_first_visit_needs_is_imported_before_anyone_comes() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "apps.dashboard", "--help"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "--server.port" in found.stdout  # Streamlit's options are its own
    imported = set(re.findall(r"\| +(\S+)$", found.stderr, re.MULTILINE))
    assert {"apps.ui.board", "httpcore._api", "pandas.core.frame", "PIL._imaging"} <= imported

"""How the dashboard is started."""

import re
import signal
import subprocess
import sys

import pytest

from tests.browser.running import free_port, started, wait_for


def test_what_a_first_visit_needs_is_imported_before_anyone_comes() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "apps.dashboard", "--help"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    assert "--server.port" in found.stdout  # Streamlit's options are its own
    imported = set(re.findall(r"\| +(\S+)$", found.stderr, re.MULTILINE))
    assert {"apps.ui.board", "httpcore._api", "pandas.core.frame", "PIL._imaging"} <= imported


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_word_of_complaint(ending: signal.Signals) -> None:
    port = free_port()
    with started([sys.executable, "-m", "apps.dashboard", "--server.port", str(port)], {}) as process:
        wait_for(process, f"http://127.0.0.1:{port}/_stcore/health")
        process.send_signal(ending)
        said = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert re.sub(r"\s+", " ", said.strip()) == (
        f"You can now view your Streamlit app in your browser. URL: http://127.0.0.1:{port}"
    )

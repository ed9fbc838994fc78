"""Fixtures that tests of several packages share."""

import signal
from collections.abc import Iterator

import pytest

from tasks.environment import set_prefect_defaults

set_prefect_defaults()

# A shell starts what runs in the background with Ctrl-C ignored, and processes hand that on to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server with a database of its own, for the whole session: 10 s to start."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield

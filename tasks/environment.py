"""Defaults of Prefect's own settings; whatever the user has set stays."""

import os
from collections.abc import MutableMapping

DEFAULTS = {
    # The first start migrates a new database, 14 to 25 s on two cores; Prefect gives up after 20.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Otherwise a worker that finds uv on the PATH runs each flow in an environment of its own.
    "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",
}


def set_prefect_defaults(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what is not set; to be called before Prefect is imported."""
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)

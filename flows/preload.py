"""Imports what the tasks call, for the process that the workers are forked from."""

import importlib

from ml.importing import without_collector

_MODULES = (
    "tasks.ingest",
    "tasks.validate",
    "tasks.train",
    "tasks.promote",
    "tasks.forecast",
    "tasks.evaluate",
    "tasks.score",
    # Elsewhere these wait until they are used.
    "exchange_calendars",
    "ml.artifacts.scaler_dump",
    "ml.data.rules",
    "scipy.special",
)

with without_collector():
    for _name in _MODULES:
        importlib.import_module(_name)

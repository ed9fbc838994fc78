"""Imports what the tasks call, for the process that the workers are forked from."""

import tasks.forecast
import tasks.ingest
import tasks.promote
import tasks.train
import tasks.validate  # noqa: F401

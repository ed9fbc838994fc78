"""What Prefect runs: thin wrappers around ml, each for a shard (a list of series)."""

from tasks.environment import set_prefect_defaults

# Prefect reads its settings while it is imported, and every module of this package imports it.
set_prefect_defaults()

"""Where worker processes are forked from: a process without threads that has imported what trains.

Only the standard library, so that it can begin before Prefect is imported here.
"""

import multiprocessing
import signal
import threading
from multiprocessing.context import BaseContext

from ml.config import RunConfig

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PRELOAD = ["flows.preload"]


def uses_processes(run: RunConfig, n_shards: int, processes_from: int = 2) -> bool:
    """Whether so many shards are worth worker processes, or the settings want them.

    ``auto`` is processes from ``processes_from`` shards on: training is Python as much as torch, so
    threads get in each other's way, and torch's seed and thread count belong to a whole process. Below,
    it is one thread: processes cost seconds of imports, more than a few forecasts do.
    """
    if run.runner != "auto":
        return run.runner == "processes"
    return min(run.workers, n_shards) > 1 and n_shards >= processes_from


def start_workshop() -> BaseContext:
    """The context that workers start in; on POSIX their server begins to import, if it has not yet.

    Called early, it imports while Prefect starts.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    # It must outlive the signals that end a run, and has its mask from the thread that starts it.
    starter = threading.Thread(target=_start)
    starter.start()
    starter.join()
    return context


def _start() -> None:
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # before: to start it unblocks what it ignores
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    forkserver.ensure_running()

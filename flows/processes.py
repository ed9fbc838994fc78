"""Worker processes that start from one that has imported what trains, and learn of the run once.

Prefect's process pool spawns each worker, which imports for 5 s, and hands it Prefect's settings with
every task run: building them again, and a client with them, takes 150 to 200 ms of CPU. Here a worker
is forked from a server process without threads (POSIX), and takes in settings and client at its start:
some 20 ms a task run, and one import for all workers.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import util
from multiprocessing.process import BaseProcess
from typing import Any, Self

from prefect.context import SyncClientContext, hydrated_context, serialize_context
from prefect.settings import get_current_settings
from prefect.task_runners import ProcessPoolTaskRunner, _initialize_process_pool_worker

from flows.workshop import ENDING, start_workshop


class WarmProcesses(ProcessPoolTaskRunner):
    """`ProcessPoolTaskRunner` whose workers start warm; see the module.

    Beside Prefect's interface it knows the executor and the cached context of a submission.
    """

    def __enter__(self) -> Self:
        context = serialize_context()
        environment = get_current_settings().to_environment_variables(exclude_unset=True)
        super().__enter__()
        # Prefect's own executor has started nothing yet.
        self._executor = ProcessPoolExecutor(
            self._max_workers,
            mp_context=start_workshop(),
            initializer=_initialize_process_pool_worker,
            initargs=(
                self._subprocess_message_queue,
                _enter,
                (context.pop("settings_context"), environment | os.environ),
            ),
        )
        self._cached_context = {**context, "settings_context": {}}
        self._cached_env = {}
        return self


def _enter(settings: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Prepare a worker for its life: signals, environment, Prefect's settings, one client."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    # They reach the whole process group; the run's journal tells the workers to stop, in order.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    os.environ.update(environment)
    life = ExitStack()
    life.enter_context(hydrated_context({"settings_context": settings}))
    life.enter_context(SyncClientContext())
    util.Finalize(None, life.close, exitpriority=10)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    """End with a run that was killed: the pipe that tasks come by is held open by the other workers."""
    parent.join()
    os._exit(1)

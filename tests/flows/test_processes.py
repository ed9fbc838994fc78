"""The worker processes, as they start."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

from flows.workshop import start_workshop
from tests.waiting import until

IMPORTED = ("torch", "pandera", "ml.training.trainer", "ml.evaluation.promotion", "tasks.promote")


def begin() -> tuple[set[str], set[int]]:
    """What a worker has imported when it begins, and the signals that it does not hear."""
    return set(sys.modules), {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_worker_starts_with_what_trains_already_imported() -> None:
    with ProcessPoolExecutor(1, mp_context=start_workshop()) as pool:
        modules, blocked = pool.submit(begin).result(timeout=120)
    assert set(IMPORTED) <= modules
    # The process it is forked from outlives a signal to the group of the run, and has this mask too.
    assert signal.SIGTERM in blocked


RUN = """
import os
from flows.processes import WarmProcesses

if __name__ == "__main__":
    with WarmProcesses(max_workers=2) as runner:
        futures = [runner._executor.submit(os.getpid) for _ in range(20)]
        print(*{future.result(timeout=120) for future in futures}, flush=True)
        input()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_the_workers_of_a_run_that_is_killed_end_with_it(prefect_server: None, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    own = {
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_API_URL": str(get_current_settings().api.url),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command, environment, pipe = [sys.executable, str(script)], {**os.environ, **own}, subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as run:
        assert run.stdout is not None
        workers = [int(pid) for pid in run.stdout.readline().split()]
        assert workers
        run.kill()
    until(lambda: not any(map(runs, workers)))


def runs(pid: int) -> bool:
    """Whether a process is there that has not ended; one that nobody has waited for yet has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it has just ended, or there is no /proc
        return not Path("/proc/self/stat").exists()
    return state != "Z"

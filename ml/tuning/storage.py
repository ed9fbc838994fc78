"""The file of a study: Optuna's journal, held by one process at a time, whole after any death.

Optuna appends one line for each thing that happens, and flushes it. What a killed process can leave is
half a line at the end, a lock file and a trial that never ended: they are cleared when the study is
opened, under a lock that the kernel drops with its process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml.artifacts.files import make_folder, writing
from ml.errors import BusySeriesError, StudyError

if TYPE_CHECKING:
    from optuna import Study


@contextmanager
def open_study(path: Path) -> Iterator["Study"]:
    """The study of a file, new or as it was left; nobody else has it for the block.

    Raises:
        BusySeriesError: another process has it.
        StudyError: the file is damaged.
        ArtifactWriteError: it cannot be written.
    """
    import optuna
    from filelock import FileLock, Timeout
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with writing(path):
        make_folder(path.parent)
        lock = FileLock(f"{path}.held")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BusySeriesError(
                "expected the study to be free, but another tuning has it",
                hint="wait until it has finished, or end it",
                where=str(path),
            ) from error
        try:
            _mend(path)
            try:
                storage = JournalStorage(JournalFileBackend(str(path)))
                study = optuna.create_study(
                    storage=storage, study_name=path.stem, load_if_exists=True, direction="minimize"
                )
            except (ValueError, KeyError, TypeError) as error:
                raise StudyError(
                    f"expected a journal that a tuning wrote, found other: {error}",
                    hint="remove the file to begin the study again",
                    where=str(path),
                ) from error
            yield study
        finally:
            lock.release()


def _mend(path: Path) -> None:
    """Remove what a killed process left: its lock file, and half a line at the end."""
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
            file.flush()
            os.fsync(file.fileno())

"""All series at a glance, kept in memory: a look costs file stats, what changed is read beside it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.data.store import read_bars, read_outcome
from ml.errors import ArtifactError, LedgerError, NotPromotedError, TickerflowError
from ml.inference.folders import Folders, Found, Stamp, is_settled
from ml.inference.glance import Glance, Row
from ml.inference.service import ForecastService
from ml.ledger.past import LiveScore, all_scores
from ml.outcomes import Failure
from ml.series import SeriesKey

_log = logging.getLogger(__name__)
_FEW: Final = 16  # series that are read within a second or so
_LOG: Final = "the log of the service has the trace; please report it"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file, or the folder, that takes no part: its name, empty for the folder, and why."""

    name: str
    failure: Failure


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """What the board shows; the same object as long as nothing of it changes.

    Attributes:
        rows: by ticker and interval.
        pending: series whose files or forecast have not been looked at yet.
        problems: what could not become a series.
    """

    rows: tuple[Row, ...]
    pending: int
    problems: tuple[Trouble, ...]


@dataclass(slots=True)
class _Memory:
    """What is known, as of which stamps; guarded by the board's lock."""

    glances: dict[SeriesKey, Glance] = field(default_factory=dict)
    seen: dict[SeriesKey, Stamp] = field(default_factory=dict)
    waiting: dict[SeriesKey, Stamp] = field(default_factory=dict)
    promoted: frozenset[SeriesKey] = frozenset()
    scores: Mapping[SeriesKey, LiveScore] = field(default_factory=dict)
    problem: Failure | None = None
    scored: Stamp = ()
    ledger: Stamp = ()
    changes: int = 0


class Board:
    """Watches the folders of the settings; safe to use from several threads.

    A thread of its own reads what has changed, and ends when nothing is left to read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folders = Folders(settings)
        self._store = ModelStore(settings.models_dir)
        # Its own: going through thousands of series would push those out of memory that are asked for.
        self._service = ForecastService.of(settings)
        self._memory = _Memory()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._stopping = False
        self._lookers = 0
        self._kept: tuple[tuple[object, ...], View] | None = None
        self._rows: dict[SeriesKey, tuple[tuple[object, ...], Row]] = {}

    def look(self, patience: float = 0.0) -> View:
        """All series as they are known now.

        Args:
            patience: seconds to wait for what has changed since the last look, where that is little: of
                a folder that is new there is more to show by another look.
        """
        with self._changed:
            self._lookers += 1
        try:
            found = self._folders.look()
        finally:
            with self._changed:
                self._lookers -= 1
                self._changed.notify_all()
        until = time.monotonic() + patience
        with self._changed:
            self._mark(found)
            if len(self._memory.waiting) <= _FEW:
                while self._is_busy() and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
            return self._view(found)

    def stop(self) -> None:
        """Read nothing more; returns when the thread has ended."""
        with self._changed:
            self._stopping = True
            worker = self._worker
            self._changed.notify_all()
        if worker is not None:
            worker.join()

    def _is_busy(self) -> bool:
        memory = self._memory
        return bool(memory.waiting) or memory.scored != memory.ledger

    def _mark(self, found: Found) -> None:
        """Note what is to be read anew, forget what is gone, and see that somebody reads."""
        memory = self._memory
        memory.promoted, memory.ledger = found.promoted, found.ledger
        for key in memory.glances.keys() - found.series.keys():
            del memory.glances[key]
            memory.seen.pop(key, None)
            memory.changes += 1
        memory.waiting = {
            key: stamp for key, stamp in found.series.items() if memory.seen.get(key) != stamp
        }
        if self._is_busy() and self._worker is None and not self._stopping:
            self._worker = threading.Thread(target=self._work, name="board", daemon=True)
            self._worker.start()

    def _view(self, found: Found) -> View:
        now, memory = datetime.now(UTC), self._memory
        # To the minute: how overdue bars are is no matter of seconds.
        minute = int(now.timestamp()) // 60
        told = (memory.changes, found.series.keys(), found.promoted, found.problems, minute)
        if self._kept is not None and self._kept[0] == told:
            return self._kept[1]
        rows: dict[SeriesKey, tuple[tuple[object, ...], Row]] = {}
        pending = 0
        for key in sorted(found.series):
            glance, scored = memory.glances.get(key), memory.scores.get(key)
            pending += glance is None or not glance.is_complete
            known, kept = (glance, scored, minute), self._rows.get(key)
            if kept is None or kept[0] != known:
                shown = glance or Glance(key, promoted=key in found.promoted)
                kept = known, shown.row(scored, self._settings, now)
            rows[key] = kept
        self._rows = rows
        problems = [Trouble(name, failure) for name, failure in found.problems]
        if memory.problem is not None:
            problems.append(Trouble("", memory.problem))
        view = View(tuple(row for _, row in rows.values()), pending, tuple(problems))
        self._kept = told, view
        return view

    def _work(self) -> None:
        while (task := self._next()) is not None:
            task()

    def _next(self) -> Callable[[], None] | None:
        """What to read next: what was never seen, quickly, then the ledger, then all of the rest."""
        with self._changed:
            # A look is many calls of the system, after each of which it would wait for this thread.
            while self._lookers and not self._stopping:
                self._changed.wait()
            memory = self._memory
            if not self._stopping:
                for key in memory.waiting:
                    if key not in memory.glances:
                        return partial(self._read, key, None)
                if memory.scored != memory.ledger:
                    return partial(self._read_scores, memory.ledger)
                for key, stamp in memory.waiting.items():
                    return partial(self._read, key, stamp)
            self._worker = None
            return None

    def _read_scores(self, stamp: Stamp) -> None:
        problem, scores = None, {}
        try:
            scores = all_scores(self._settings.predictions_dir)
        except LedgerError as error:
            problem = Failure.of(error)
        with self._changed:
            memory = self._memory
            memory.scores, memory.problem, memory.scored = scores, problem, stamp
            memory.changes += 1
            self._changed.notify_all()

    def _read(self, key: SeriesKey, stamp: Stamp | None) -> None:
        """Read a series; without a stamp only what lies ready, with one all of it."""
        looked_at = time.time_ns()
        glance = Glance(key, promoted=key in self._memory.promoted)
        try:
            (self._glance if stamp is None else self._forecast)(glance)
        except TickerflowError as error:
            glance.add_error("rejected", error)
        except Exception as error:  # noqa: BLE001  # a bug of one series must not hide the others
            _log.exception("the board could not read %s", key)
            glance.add_error("damaged", TickerflowError(f"{type(error).__name__}", hint=_LOG))
        with self._changed:
            memory = self._memory
            memory.glances[key] = glance
            memory.changes += 1
            if stamp is not None:
                glance.is_complete = True
                if memory.waiting.get(key) == stamp:
                    del memory.waiting[key]
                # What changed just before it was read can change again and look the same.
                memory.seen[key] = stamp if is_settled(stamp, looked_at) else ()
            self._changed.notify_all()

    def _glance(self, glance: Glance) -> None:
        """What the last ingest and the promotion left behind."""
        outcome = read_outcome(self._settings.store_dir, glance.key)
        if outcome is not None:
            glance.add_ingested(outcome)
            glance.add_bars(read_bars(self._settings.store_dir, glance.key))
        self._champion(glance)

    def _champion(self, glance: Glance) -> None:
        try:
            meta = self._store.champion_meta(glance.key)
        except ArtifactError as error:
            glance.add_error("damaged", error)
            return
        if meta is not None:
            glance.add_champion(meta)

    def _forecast(self, glance: Glance) -> None:
        """All of it, with new files ingested and the forecast made."""
        try:
            series = self._service.bars(glance.key)
        except TickerflowError as error:
            self._glance(glance)
            glance.add_error("rejected", error)
            return
        outcome = read_outcome(self._settings.store_dir, glance.key)
        if outcome is not None:
            glance.add_ingested(outcome)
        glance.add_bars(series.bars)
        self._champion(glance)
        if glance.meta is None:
            return
        try:
            glance.add_calendar(series, datetime.now(UTC))
            glance.add_forecast(self._service.predict(glance.key, glance.meta.horizon))
        except NotPromotedError:  # taken away since
            return
        except TickerflowError as error:
            glance.add_error("damaged", error)

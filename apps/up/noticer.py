"""Notices files in the raw folder, and asks Prefect for what they are due.

``python -m apps.up.noticer``. A series without a model is trained, and the promotion brings its
forecast; one with a model is forecast from its new bars. What cannot be asked for, because Prefect is
away, is asked for later: each look compares the folder with the record, nothing depends on an event.
"""

import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable
from types import FrameType
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from apps.up.asking import Wish, ask
from apps.up.noticed import MAX_ATTEMPTS, Asked, Job, has_champion, look_at, read_record, write_record
from apps.up.settling import Settling, is_there, noticing
from ml.config import Settings
from ml.data.discovery import Discovery, RawSeries, discover
from ml.errors import NoDataError, TickerflowError
from ml.series import SeriesKey

_INTERRUPTED = ("CRASHED", "CANCELLED")
_FOLLOW_SECONDS = 3.0
_RETRY_SECONDS = 2.0
_PATIENCE = httpx.Timeout(10.0)


class Noticer:
    """Looks, and asks. Everything it has to say goes to ``say``, each thing once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._record = read_record(settings.store_dir)
        self._settling = Settling(settings.up.settle_seconds)
        self._unread: dict[str, str] = {}
        self._said = ""
        self._is_first = True
        self._present: set[str] = set()  # at the first look; a file may still be on its way there then
        self._prefect_is_away = False

    def look(self) -> float:
        """Look once, ask for what is due; return after how many seconds to look again at the latest."""
        found = self._discover()
        if self._is_first:
            self._present = {raw.key.stem for raw in found.series}
        files = [path for raw in found.series for path in raw.files]
        unsettled = self._settling.unsettled(files)
        settled = [raw for raw in found.series if unsettled.isdisjoint(raw.files)]
        due = self._due(settled, found)
        try:
            with get_client(sync_client=True, httpx_settings={"timeout": _PATIENCE}) as client:
                is_following = self._follow(client)
                for key, asked in list(self._record.items()):
                    if self._is_interrupted(asked) and key in {raw.key.stem for raw in settled}:
                        due.append((SeriesKey.from_stem(key), asked))
                if due:
                    self._ask(client, due)
            if self._prefect_is_away:
                self._say("Prefect answers again")
            self._prefect_is_away = False
        except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound) as error:
            if not self._prefect_is_away:
                self._say(
                    f"Prefect does not answer yet ({type(error).__name__}); asking again until it does"
                )
            self._prefect_is_away = True
            return _RETRY_SECONDS
        self._summarise(found, len(unsettled))
        self._is_first = False
        if unsettled:
            return self._settings.up.settle_seconds / 2
        return _FOLLOW_SECONDS if is_following or due else float("inf")

    def _discover(self) -> Discovery:
        try:
            return discover(self._settings.raw_dir)
        except NoDataError:  # an empty folder is where one begins
            return Discovery((), ())

    def _due(self, settled: Iterable[RawSeries], found: Discovery) -> list[tuple[SeriesKey, Asked]]:
        due, unread = [], {}
        for problem in found.problems:
            unread[problem.failure.where or problem.path.name] = problem.failure.message
        for raw in settled:
            before = self._record.get(raw.key.stem)
            try:
                asked = look_at(raw, self._settings, before)
            except TickerflowError as error:
                unread[error.where or raw.key.stem] = error.message
                continue
            if asked is before:
                continue
            is_old = before is None and raw.key.stem in self._present
            if asked.job is None or (is_old and not self._settings.up.catch_up):
                self._remember({raw.key.stem: asked.model_copy(update={"job": None, "run": ""})})
            else:
                due.append((raw.key, asked))
        for name, message in unread.items():
            if self._unread.get(name) != message:
                self._say(f"{name} takes no part: {message}")
        self._unread = unread
        return due

    def _ask(self, client: SyncPrefectClient, due: list[tuple[SeriesKey, Asked]]) -> None:
        """One run for all series of one interval that are due the same, in order of names."""
        groups: dict[tuple[Job, str], list[tuple[SeriesKey, Asked]]] = defaultdict(list)
        for key, asked in sorted(due, key=lambda item: item[0]):
            assert asked.job is not None
            groups[asked.job, str(key.interval)].append((key, asked))
        for (job, interval), wanted in groups.items():
            tickers = [key.ticker for key, _ in wanted]
            wish = Wish(job, interval, dict(zip(tickers, (asked for _, asked in wanted), strict=True)))
            run = ask(client, wish, self._settings)
            self._remember(
                {
                    key.stem: asked.model_copy(
                        update={"run": str(run.id), "attempt": asked.attempt + 1, "ended": ""}
                    )
                    for key, asked in wanted
                }
            )
            self._say(f"{wish.words()}: asked Prefect for {run.name!r}")

    def _follow(self, client: SyncPrefectClient) -> bool:
        """Note how runs have ended, and say it; whether some have not."""
        open_runs: dict[str, list[str]] = defaultdict(list)
        for stem, asked in self._record.items():
            if asked.run and not asked.ended:
                open_runs[asked.run].append(stem)
        going_on = False
        for run_id, stems in open_runs.items():
            try:
                run = client.read_flow_run(UUID(run_id))
            except ObjectNotFound:  # another database: what became of it is not known there
                self._end(stems, "CRASHED")
                continue
            if run.state is None or not run.state.is_final():
                going_on = True
                continue
            self._end(stems, run.state.type.value)
            self._say(f"{run.name}: {self._outcome(run, stems)}")
        return going_on

    def _outcome(self, run: FlowRun, stems: list[str]) -> str:
        assert run.state is not None
        message = run.state.message or run.state.name or ""
        without = [
            str(key)
            for key in map(SeriesKey.from_stem, sorted(stems))
            if not has_champion(self._settings, key)
        ]
        missing = f"; without a model: {', '.join(without[:5])}" + (" ..." if len(without) > 5 else "")
        return message + (missing if without else "")

    def _end(self, stems: list[str], state: str) -> None:
        self._remember({stem: self._record[stem].model_copy(update={"ended": state}) for stem in stems})

    def _is_interrupted(self, asked: Asked) -> bool:
        """Whether a run ended before its time, by no fault of its data: a worker that died, or `up` did.

        A run that was cancelled while this looked on was meant to be.
        """
        if asked.job is None or asked.attempt >= MAX_ATTEMPTS or asked.ended not in _INTERRUPTED:
            return False
        return asked.ended == "CRASHED" or self._is_first

    def _remember(self, changed: dict[str, Asked]) -> None:
        self._record |= changed
        write_record(self._settings.store_dir, self._record)

    def _summarise(self, found: Discovery, n_unsettled: int) -> None:
        open_series = sum(1 for asked in self._record.values() if asked.run and not asked.ended)
        words = [f"watching {self._settings.raw_dir}: {len(found.series)} series"]
        words += [f"{n_unsettled} files on their way"] if n_unsettled else []
        words += [f"{open_series} at work"] if open_series else []
        words += [f"{len(self._unread)} not readable"] if self._unread else []
        line = ", ".join(words)
        if line != self._said:
            self._say(line)
        self._said = line

    def _say(self, line: str) -> None:
        print(line, flush=True)  # noqa: T201
        self._said = ""


def main() -> int:
    """Look until SIGTERM."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    settings = Settings()
    settings.raw_dir.mkdir(parents=True, exist_ok=True)
    noticer = Noticer(settings)
    with noticing(settings.raw_dir, settings.up, stop) as wait:
        while not stop.is_set():
            wait(noticer.look())
            if not stop.is_set() and not is_there(settings.raw_dir):
                settings.raw_dir.mkdir(parents=True, exist_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs that nobody wants any more, on a real Prefect server; nobody but the run itself ends them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Crashed,
    Failed,
    Paused,
    Pending,
    Running,
    Scheduled,
)

from flows.parameters import TrainParams
from flows.training import train_universe
from flows.wanted import asking
from flows.watching import watcher
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.outcomes import Challenger
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.flows.watchers import Recorder
from tests.universe import QUICK, write_series


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def _books(client: SyncPrefectClient, run_id: UUID) -> StateType:
    state = client.read_flow_run(run_id).state
    assert state is not None
    return state.type


def _after(client: SyncPrefectClient, *states: State) -> tuple[StateType, bool]:
    """What a run's books say that got these states before it asked again, and whether it went on."""
    runs: list[UUID] = []
    went_on: list[bool] = []

    @flow
    def run() -> None:
        runs.append(UUID(flow_run.get_id()))
        with asking() as is_wanted:
            is_wanted.ask()  # runs as it should
            for state in states:
                client.set_flow_run_state(runs[0], state, force=True)
            is_wanted.ask()
        went_on.append(True)

    try:
        run(return_state=True)
    except Abort:
        assert not went_on
    return _books(client, runs[0]), bool(went_on)


@pytest.mark.parametrize(
    ("states", "left"),
    [
        ([Cancelling()], StateType.CANCELLED),
        ([Cancelled()], StateType.CANCELLED),
        ([Pending(), Running()], StateType.RUNNING),  # elsewhere
        ([Crashed(), Scheduled(), Pending(), Running()], StateType.RUNNING),
    ],
)
def test_a_run_that_is_no_longer_wanted_leaves_and_the_books_stay_right(
    client: SyncPrefectClient, states: Sequence[State], left: StateType
) -> None:
    assert _after(client, *states) == (left, False)


@pytest.mark.parametrize(
    "states",
    [
        [],
        [Crashed()],  # it was silent for ten minutes: its machine slept
        [Failed()],
        [Scheduled()],
        [Scheduled(name="Late")],
        [AwaitingRetry()],
        [AwaitingRetry(), Running(name="Retrying")],
        [Pending()],
        [Paused()],
        [Paused(), Running()],
    ],
    ids=lambda states: ",".join(state.name for state in states) or "Running",
)
def test_a_run_that_nobody_cancelled_goes_on_and_its_end_stands_in_the_books(
    client: SyncPrefectClient, states: Sequence[State]
) -> None:
    assert _after(client, *states) == (StateType.COMPLETED, True)


def test_a_run_that_is_deleted_leaves(client: SyncPrefectClient) -> None:
    @flow
    def run() -> None:
        with asking() as is_wanted:
            is_wanted.ask()
            client.delete_flow_run(UUID(flow_run.get_id()))
            is_wanted.ask()

    with pytest.raises(Abort, match="was deleted"):
        run(return_state=True)


def _asks_at(url: str) -> bool:
    """Whether a run went on that asked a server at this address, for itself alone."""
    asked = []

    @flow
    def run() -> None:
        with temporary_settings({PREFECT_API_URL: url}), asking() as is_wanted:
            is_wanted.ask()
            asked.append(True)

    return run(return_state=True).is_completed() and bool(asked)


@pytest.mark.usefixtures("prefect_server")
def test_a_run_goes_on_while_prefect_does_not_answer() -> None:
    assert _asks_at("http://127.0.0.1:9/api")


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "Internal Server Error"),
        (401, '{"exception_message": "Unauthorized"}'),
        (404, '{"detail": "Not Found"}'),
        (200, "<html>A proxy's own page</html>"),
        (200, '{"status": "ok"}'),
        (200, "[]"),
    ],
)
def test_a_run_goes_on_while_something_else_answers_for_prefect(status: int, body: str) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert _asks_at(f"http://127.0.0.1:{server.server_port}/api")
        finally:
            server.shutdown()
            thread.join()


class _Canceller(Recorder):
    """Cancels the run as soon as a training began."""

    def __init__(self, cancel: Callable[[], UUID]) -> None:
        super().__init__()
        self._cancel = cancel
        self.cancelled: UUID | None = None

    def training(self, key: SeriesKey) -> None:
        super().training(key)
        self.cancelled = self._cancel()


def _params(root: Path, runner: str, **train: Any) -> TrainParams:
    write_series(root / "raw", "AAPL")
    folders = {f"{name}_dir": str(root / name) for name in ("raw", "store", "models", "predictions")}
    run = {"runner": runner, "workers": 2}
    return TrainParams.model_validate({"folders": folders, "train": {**QUICK, **train}, "run": run})


def _cancelled(client: SyncPrefectClient) -> UUID:
    run_id = UUID(flow_run.get_id())
    client.set_flow_run_state(run_id, Cancelling())
    return run_id


@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_a_training_that_is_cancelled_ends_though_no_worker_ends_it(
    client: SyncPrefectClient, tmp_path: Path, runner: str
) -> None:
    recorder = _Canceller(lambda: _cancelled(client))
    token = watcher.set(recorder)
    try:
        with pytest.raises(Abort):
            # It would go on for an hour.
            train_universe(_params(tmp_path, runner, epochs=10_000, patience=10_000), return_state=True)
    finally:
        watcher.reset(token)
    assert recorder.events == ["training AAPL 1d"]
    assert ModelStore(tmp_path / "models").series() == ()
    assert recorder.cancelled is not None
    assert _books(client, recorder.cancelled) == StateType.CANCELLED


def test_what_was_trained_when_its_run_is_cancelled_is_not_promoted(
    client: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train_then_cancel(key: SeriesKey, settings: Settings, **more: Any) -> Challenger:
        challenger = train_series(key, settings, **more)
        trained.append(_cancelled(client))
        return challenger

    monkeypatch.setattr("tasks.train.train_series", train_then_cancel)
    monkeypatch.setattr("flows.wanted._SECONDS", 1e9)  # it asks between two steps all the same
    with pytest.raises(Abort):
        train_universe(_params(tmp_path, "threads"), return_state=True)
    assert ModelStore(tmp_path / "models").series() == ()
    assert _books(client, trained[0]) == StateType.CANCELLED

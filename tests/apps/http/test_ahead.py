"""What is being asked for is made as soon as its model is replaced."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.api import create_app
from apps.http.ahead import Ahead
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.errors import NotPromotedError
from tests.apps.http.serving import KEY, serving_app
from tests.waiting import until


@contextmanager
def ahead_of(folder: Path) -> Iterator[Ahead]:
    # A folder that was changed long ago: of two changes within a tick of the file system's clock the
    # second is not seen.
    os.utime(folder, (0, 0))
    ahead = Ahead(folder)
    try:
        yield ahead
    finally:
        ahead.stop()


def replace(folder: Path, name: str) -> None:
    """Put a file in the place of another, as a promotion does."""
    new = folder / f".{name}"
    new.write_text(str(time.time_ns()))
    new.replace(folder / name)


def test_what_was_asked_for_is_made_again_once_a_file_is_replaced(tmp_path: Path) -> None:
    made = threading.Event()
    with ahead_of(tmp_path) as ahead:
        ahead.note("a", made.set)
        assert not made.wait(0.2)
        replace(tmp_path, "lstm_A_1d.meta.json")
        assert made.wait(120)


def test_an_answer_that_cannot_be_made_keeps_no_other_from_being_made(tmp_path: Path) -> None:
    tried: list[str] = []
    made = threading.Event()

    def refuse() -> None:
        tried.append("refused")
        raise NotPromotedError("nothing serves", hint="train")

    def fail() -> None:
        tried.append("failed")
        raise RuntimeError("a bug")

    with ahead_of(tmp_path) as ahead:
        ahead.note("a", refuse)
        ahead.note("b", fail)
        ahead.note("c", made.set)
        replace(tmp_path, "lstm_A_1d.meta.json")
        assert made.wait(120)
    assert tried.count("failed") == 1
    assert "refused" in tried


def test_its_thread_ends_with_the_service_and_where_nobody_asks(tmp_path: Path) -> None:
    def runs() -> bool:
        return any(thread.name == "ahead" for thread in threading.enumerate())

    with ahead_of(tmp_path) as ahead:
        assert not runs()
        ahead.note("a", lambda: None)
        assert runs()
    assert not runs()
    ahead.note("a", lambda: None)
    assert not runs()


def test_a_promoted_model_is_in_memory_before_anyone_asks_again(settings: Settings) -> None:
    store = ModelStore(settings.models_dir)
    app = create_app(settings)
    kept = app.state.service._champions._kept
    asked: dict[str, str | int] = {"ticker": KEY.ticker, "interval": str(KEY.interval), "n_steps": 7}
    with serving_app(app) as client:
        first = client.get("/ml/forecast", params=asked).json()["version"]
        other = next(one.version for one in store.history(KEY) if one.version != first)
        store.rollback(KEY, other)
        until(lambda: kept[KEY].meta.version == other)
        assert client.get("/ml/forecast", params=asked).json()["version"] == other

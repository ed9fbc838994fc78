"""A real uvicorn in a thread, over folders with a promoted series."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from apps.api import create_app, server_config
from ml.config import Settings
from ml.evaluation.promotion import promote_series
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import store_bars
from tests.synthetic import make_bars

KEY = SeriesKey.of("BTC/USD", "1d")


def serving(settings: Settings) -> AbstractContextManager[httpx.Client]:
    """A client of the service over some settings."""
    return serving_app(create_app(settings))


@contextmanager
def serving_app(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of an application, which listens on a free port of loopback until the block ends."""
    with serving_config(server_config(app)) as client:
        yield client


@contextmanager
def serving_config(config: uvicorn.Config) -> Iterator[httpx.Client]:
    """The same of how an application is served."""
    config.port, config.log_level = 0, "critical"
    config.configure_logging()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)


def train(settings: Settings, seed: int) -> str:
    """Train and promote a version of `KEY`; return its name."""
    store_bars(settings, KEY, make_bars(400))
    chosen = {"train": settings.train.model_copy(update={"seed": seed})}
    forced = {"promote": settings.promote.model_copy(update={"force": True})}
    own = settings.model_copy(update={**chosen, **forced})
    outcome = promote_series(train_series(KEY, own), own)
    assert outcome.status == "promoted", outcome
    assert outcome.version is not None
    return outcome.version

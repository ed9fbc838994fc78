"""A real uvicorn in a thread, over folders with a promoted series."""

import threading
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
from tests.waiting import until

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
    with listening(config) as server, client_of(server) as client:
        yield client


def client_of(server: uvicorn.Server) -> httpx.Client:
    """A client of a server that listens."""
    port = server.servers[0].sockets[0].getsockname()[1]
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)


@contextmanager
def listening(config: uvicorn.Config) -> Iterator[uvicorn.Server]:
    """A server that listens on a free port until the block ends."""
    config.port, config.log_level = 0, "critical"
    config.configure_logging()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), 120)
        yield server
    finally:
        server.should_exit = True
        thread.join()


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

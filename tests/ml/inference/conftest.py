"""A promoted series, and one torch thread: the networks are tiny, and other tests run beside these."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ml.config import Settings
from ml.inference.service import ForecastService
from tests.ml.inference.worlds import AAPL, make_bars, promote, settings_in, write_raw


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a raw file of 120 bars, its store and a promoted LSTM; to be copied."""
    folder = tmp_path_factory.mktemp("template")
    settings = settings_in(folder)
    write_raw(settings, make_bars())
    promote(settings, make_bars())
    ForecastService.of(settings).predict(AAPL, 1)
    return folder


@pytest.fixture
def settings(template: Path, tmp_path: Path) -> Settings:
    """A series with 120 bars and a promoted LSTM."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return settings_in(tmp_path)


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Put torch's number of threads back afterwards: it is global."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

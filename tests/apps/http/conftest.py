"""A folder with two versions of one series; copied, for tests roll it back."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment

from apps.http.prefect_api import TAG
from apps.http.runs import DEPLOYMENT
from flows.training import train_universe
from ml.config import Settings
from tests.apps.http import prefect_side
from tests.apps.http.serving import serving, train
from tests.stored import quick_settings
from tests.synthetic import make_bars


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder, and the versions in it, older first."""
    folder = tmp_path_factory.mktemp("served")
    settings = quick_settings(folder)
    return folder, train(settings, 1), train(settings, 2)


@pytest.fixture
def settings(trained: tuple[Path, str, str], tmp_path: Path) -> Settings:
    """Settings over a copy of what was trained."""
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    return quick_settings(tmp_path)


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a service over `settings`."""
    with serving(settings) as client:
        yield client


@pytest.fixture
def untrained(tmp_path: Path) -> Settings:
    """Settings over a raw file of AAPL 1d."""
    settings = quick_settings(tmp_path, api={"max_queued": prefect_side.MAX_QUEUED})
    settings.raw_dir.mkdir()
    make_bars(700).to_csv(settings.raw_dir / "AAPL_1d.csv", index=False)
    return settings


@pytest.fixture
def service(prefect_server: None, untrained: Settings) -> Iterator[httpx.Client]:
    """A client of a service over `untrained`, which can start trainings."""
    with prefect_side.serving(untrained, prefect_side.Patient) as client:
        yield client


@pytest.fixture
def deployed(prefect_server: None) -> Iterator[None]:
    """The deployment of prefect.yaml, without a worker: nothing starts by itself."""
    name = DEPLOYMENT.partition("/")[2]
    deployment = train_universe.to_deployment(name, tags=[TAG, "training"])
    assert isinstance(deployment, RunnerDeployment)  # a coroutine in an event loop
    identity = deployment.apply()
    assert isinstance(identity, UUID)
    yield
    with get_client(sync_client=True) as client:
        client.delete_deployment(identity)

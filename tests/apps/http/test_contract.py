"""The service keeps what its own OpenAPI says, whatever is asked of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.http import prefect_api
from ml.config import Settings
from tests.apps.http.contract import Contract, check_contract
from tests.apps.http.prefect_side import serving
from tests.apps.http.serving import KEY
from tests.synthetic import make_bars

# A Prefect server beside seven other tests' is slow, and a 503 that says so would be right.
PATIENCE_SECONDS = 60.0


@pytest.fixture
def service(
    deployed: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    """The whole product but for a worker: a trained series with its raw file, and Prefect."""
    monkeypatch.setattr(prefect_api, "_ANSWER_SECONDS", PATIENCE_SECONDS)
    settings.raw_dir.mkdir()
    make_bars(400).to_csv(settings.raw_dir / f"{KEY.stem}.csv", index=False)
    with serving(settings) as client:
        yield client


def checked(service: httpx.Client, folder: Path, max_examples: int, phases: str) -> Contract:
    asked = {"ticker": KEY.ticker, "interval": str(KEY.interval)}
    run = service.post("/ml/train", params={**asked, "epochs": "1"}).json()
    history = service.get(f"/ml/models/{KEY.ticker}/{KEY.interval}").json()["history"]
    known = {
        **{f"query.{name}": [value] for name, value in asked.items()},
        **{f"path.{name}": [value] for name, value in asked.items()},
        "path.run_id": [run["id"]],
        "query.version": [event["version"] for event in history],
    }
    found = check_contract(
        str(service.base_url).rstrip("/"),
        folder,
        max_examples=max_examples,
        known=known,
        phases=phases,
    )
    assert found.passed, found.output
    return found


def is_well_behaved(found: Contract) -> None:
    """No error of the service, and every operation asked."""
    assert not [status for status in found.statuses if status >= 500 or status == 0], found.operations
    assert len(found.operations) >= 20, found.operations
    assert {200, 202, 404, 422} <= set(found.statuses)


def test_valid_and_invalid_requests_get_documented_answers_and_no_error(
    service: httpx.Client, tmp_path: Path
) -> None:
    found = checked(service, tmp_path, 4, "examples,fuzzing")
    assert found.requests >= 60
    is_well_behaved(found)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_requests_get_documented_answers_and_no_error(
    service: httpx.Client, tmp_path: Path
) -> None:
    found = checked(service, tmp_path, 100, "examples,coverage,fuzzing,stateful")
    assert found.requests > 2000
    is_well_behaved(found)
    answered = {name for name, statuses in found.operations.items() if {200, 201, 202} & {*statuses}}
    paths = service.get("/openapi.json").json()["paths"]
    reading = {f"GET {path}" for path, methods in paths.items() if "get" in methods}
    assert not {*reading, "POST /ml/train", "POST /ml/raw/{name}"} - answered

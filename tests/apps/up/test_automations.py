"""automations.yaml on a real Prefect server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation

from apps.up.automations import bring_automations

_FILE = Path(__file__).resolve().parents[3] / "automations.yaml"
_NAME = "crash-silent-runs"


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client
        for automation in client.read_automations_by_name(_NAME):
            client.delete_automation(automation.id)


def _only(client: SyncPrefectClient) -> Automation:
    (automation,) = client.read_automations_by_name(_NAME)
    return automation


def test_what_is_brought_again_is_left_as_it_is(client: SyncPrefectClient) -> None:
    bring_automations(client, _FILE)
    first = _only(client)
    bring_automations(client, _FILE)
    assert _only(client).id == first.id
    assert _updated(client, first) == _updated(client, _only(client))


def test_one_that_the_file_says_otherwise_follows_it_and_one_that_was_paused_stays_so(
    client: SyncPrefectClient, tmp_path: Path
) -> None:
    bring_automations(client, _FILE)
    first = _only(client)
    client.pause_automation(first.id)
    told = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    told["automations"][0]["description"] = "another one"
    changed = tmp_path / "automations.yaml"
    changed.write_text(yaml.safe_dump(told))
    bring_automations(client, changed)
    assert _only(client).id == first.id
    assert _only(client).description == "another one"
    assert not _only(client).enabled


def _updated(client: SyncPrefectClient, automation: Automation) -> str:
    told = client.request("GET", "/automations/{id}", path_params={"id": str(automation.id)}).json()
    return str(told["updated"])

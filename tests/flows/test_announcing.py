"""The events after a run: exact, of a size that Prefect takes, and out before they are noted as such."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.alarms import EVENT, announce_lost
from flows.promotions import EVENT as PROMOTED
from flows.promotions import announce
from ml.ledger.alarms import unannounced
from ml.ledger.database import opened, writing
from ml.series import SeriesKey
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("prefect_server")

VERSION = "20200101T000000Z-0000000a"
WORDS = "live skill is lost: worse: error 103.26% larger, p < 0.001, bounds +72.87% to +133.65%, " * 2


def emitted(name: str, resource: str, count: int) -> list[dict[str, Any]]:
    """Payloads of the events of a run, which it may take a while to read."""
    body = {"filter": {"event": {"name": [name]}, "related": {"id": [resource]}}}
    found: list[dict[str, Any]] = []
    with get_client(sync_client=True) as client:

        def are_there() -> bool:
            events = client._client.post("/events/filter", json=body).json()["events"]
            found[:] = [event["payload"] for event in events]
            return len(found) >= count

        until(are_there)
    return found


def alarmed(folder: Path, keys: Iterable[SeriesKey]) -> None:
    """A ledger in which each of the series has an alarm."""
    rows = [(key.stem, VERSION, "skill", WORDS, 1, 1, 1) for key in keys]
    with opened(folder) as connection, writing(connection):
        connection.executemany(
            "INSERT INTO alarm (series, version, reason, words, asof, raised_at, settled) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )


def test_a_run_that_an_event_starts_is_of_the_series_that_it_names_and_no_others(tmp_path: Path) -> None:
    keys = [SeriesKey.of("EVA", "1d"), SeriesKey.of("EVB", "1h"), SeriesKey.of("EVC", "1d")]
    alarmed(tmp_path, keys)
    announce_lost(tmp_path, keys, {})
    announce({}, dict.fromkeys(keys, VERSION), {})
    for name, part in ((EVENT, "train"), (PROMOTED, "forecast")):
        (of_days,) = emitted(name, "tickerflow.model.EVA_1d", 1)
        assert (of_days[part]["tickers"], of_days[part]["intervals"]) == (["EVA", "EVC"], ["1d"])
        (of_hours,) = emitted(name, "tickerflow.model.EVB_1h", 1)
        assert (of_hours[part]["tickers"], of_hours[part]["intervals"]) == (["EVB"], ["1h"])


def test_thousands_of_alarms_are_announced_in_events_that_are_not_too_large(tmp_path: Path) -> None:
    keys = [SeriesKey.of(f"MANY{number:04d}", "1d") for number in range(6000)]
    alarmed(tmp_path, keys)
    assert len(announce_lost(tmp_path, keys, {})) == 6000
    assert unannounced(tmp_path) == []
    assert announce_lost(tmp_path, keys, {}) == []
    (last,) = emitted(EVENT, "tickerflow.model.MANY5000_1d", 1)
    assert last["train"]["tickers"] == [key.ticker for key in keys[5000:]]


def test_a_run_without_a_server_leaves_the_alarm_to_one_that_has_automations(tmp_path: Path) -> None:
    key = SeriesKey.of("ALONE", "1d")
    alarmed(tmp_path, [key])
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert announce_lost(tmp_path, [key], {}) == []
    assert len(unannounced(tmp_path)) == 1
    assert len(announce_lost(tmp_path, [key], {})) == 1

"""``GET /ml/overview``: answered from memory, and true to what lies in the folders."""

import time
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from apps.http import overview
from ml.config import Settings
from tests.apps.http import prefect_side
from tests.apps.http.serving import serving
from tests.stored import quick_settings

PATH = "/ml/overview"


def settled(client: httpx.Client) -> httpx.Response:
    """The overview once all of it has been read."""
    until = time.monotonic() + 120
    while (answer := client.get(PATH)).json()["pending"]:
        assert time.monotonic() < until, answer.text
        time.sleep(0.02)
    return answer


def test_a_row_shows_the_champion_its_forecast_and_its_last_bars(
    client: httpx.Client, trained: tuple[Path, str, str]
) -> None:
    body = settled(client).json()
    assert set(body) == {"rows", "pending", "problems", "prefect_ui"}
    [row] = body["rows"]
    assert (row["ticker"], row["interval"], row["version"]) == ("BTC/USD", "1d", trained[2])
    asked = {"ticker": "BTC/USD", "interval": "1d", "n_steps": row["horizon"]}
    forecast = client.get("/ml/forecast", params=asked).json()
    expected = forecast["steps"][-1]["forecast"] / forecast["last_close"] - 1
    assert abs(row["forecast_change"] - expected) < 1e-12
    assert (row["last_close"], row["last"]) == (forecast["last_close"], forecast["asof"])
    assert (row["skill"], row["proven"]) == (forecast["skill"], forecast["proven"])
    assert (row["overdue_bars"], len(row["spark"])) == (forecast["overdue_bars"], 60)


def test_the_same_overview_is_not_sent_twice(client: httpx.Client) -> None:
    etag = settled(client).headers["ETag"]
    again = client.get(PATH, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)


def test_a_rollback_is_in_the_next_overview(
    client: httpx.Client, trained: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beside other tests a forecast may take longer than an answer waits for it.
    monkeypatch.setattr(overview, "_PATIENCE_SECONDS", 30.0)
    before = settled(client)
    assert client.post("/ml/models/BTC/USD/1d/rollback").status_code == 200
    after = client.get(PATH, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    [row] = settled(client).json()["rows"]
    assert (row["version"], row["verdict"]) == (trained[1], "rolled_back")


def test_an_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    with serving(quick_settings(tmp_path)) as client:
        body = client.get(PATH).json()
    assert (body["rows"], body["pending"]) == ([], 0)
    [problem] = body["problems"]
    assert "AAPL_1d.csv" in problem["hint"]


def test_a_file_without_a_series_in_its_name_is_a_problem(
    client: httpx.Client, settings: Settings
) -> None:
    settings.raw_dir.mkdir(exist_ok=True)
    (settings.raw_dir / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    body = settled(client).json()
    assert [problem["name"] for problem in body["problems"]] == ["notes.csv"]
    assert len(body["rows"]) == 1


def test_without_a_prefect_server_there_is_no_link_to_its_pages(settings: Settings) -> None:
    with temporary_settings({PREFECT_API_URL: None}), prefect_side.serving(settings) as client:
        assert client.get(PATH).json()["prefect_ui"] is None

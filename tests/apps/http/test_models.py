from pathlib import Path

import httpx
import pytest

from ml.config import Settings

PAGE = "/ml/models/BTC%2FUSD/1d"


def test_the_list_names_the_champion_of_each_series(
    client: httpx.Client, trained: tuple[Path, str, str]
) -> None:
    [row] = client.get("/ml/models").json()
    assert (row["ticker"], row["interval"], row["version"]) == ("BTC/USD", "1d", trained[2])
    assert row["problem"] == ""


def test_a_damaged_champion_is_listed_with_its_problem(client: httpx.Client, settings: Settings) -> None:
    for path in settings.models_dir.glob("*.meta.json"):
        path.write_text("{}")
    [row] = client.get("/ml/models").json()
    assert row["problem"].startswith("TF060")
    assert client.get(PAGE).status_code == 409


def test_a_page_has_metrics_beside_the_baselines_and_the_history(
    client: httpx.Client, trained: tuple[Path, str, str]
) -> None:
    page = client.get("/ml/models/BTC/USD/1d").json()
    assert page == client.get(PAGE).json()
    assert page["metrics"]["mae"] > 0
    assert page["baselines"]["naive"]["mae"] > 0
    assert [event["version"] for event in page["history"]] == [trained[2], trained[1]]
    assert [event["serves"] for event in page["history"]] == [True, False]


def test_a_rollback_serves_the_version_before_and_tells_so(
    client: httpx.Client, trained: tuple[Path, str, str]
) -> None:
    answer = client.post(f"{PAGE}/rollback")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["version"], answer.json()["verdict"]) == (trained[1], "rolled_back")
    asked = {"ticker": "BTC/USD", "interval": "1d", "n_steps": "3"}
    assert client.get("/ml/forecast", params=asked).json()["version"] == trained[1]
    assert client.get(PAGE).json()["history"][0]["by"] == "HTTP"
    named = client.post(f"{PAGE}/rollback", params={"version": trained[2]})
    assert named.json()["version"] == trained[2]


def test_a_rollback_to_no_version_changes_nothing(client: httpx.Client) -> None:
    before = client.get("/ml/models").json()
    gone = client.post(f"{PAGE}/rollback", params={"version": "20200101T000000Z-00000000"})
    assert (gone.status_code, gone.json()["code"]) == (404, "TF062")
    wrong = client.post(f"{PAGE}/rollback", params={"version": "../../etc"})
    assert wrong.status_code == 422
    assert client.get("/ml/models").json() == before


def test_with_an_api_key_only_who_sends_it_may_write(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKERFLOW_API_KEY", "a secret")
    for key in (b"", b"another", b"\xe9"):
        refused = client.post(f"{PAGE}/rollback", headers={b"X-API-Key": key} if key else None)
        assert (refused.status_code, refused.json()["title"]) == (401, "Unauthorized")
    assert client.post(f"{PAGE}/rollback", headers={"X-API-Key": "a secret"}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "10.0.0.1:80"}]
)
def test_without_a_key_a_page_of_another_site_cannot_write(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    refused = client.post(f"{PAGE}/rollback", headers=headers)
    assert refused.status_code == 403
    assert "TICKERFLOW_API_KEY" in refused.json()["hint"]

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


def test_a_page_has_the_course_of_the_training_and_the_age_of_the_model(
    client: httpx.Client,
) -> None:
    page = client.get(PAGE).json()
    training, validation = page["losses"]["training"], page["losses"]["validation"]
    assert len(training) == len(validation) == page["training"]["epochs_run"] + 1
    assert training[0] is None  # before the first epoch
    assert all(loss > 0 for loss in (*training[1:], *validation))
    assert (page["bars_since_training"], page["expired"]) == (0, "")


def test_a_version_without_an_evaluation_has_no_losses(client: httpx.Client, settings: Settings) -> None:
    for path in settings.models_dir.glob("versions/*/*/evaluation.json"):
        path.unlink()
    assert client.get(PAGE).json()["losses"] == {"training": [], "validation": []}


def test_the_card_is_a_page_that_runs_and_loads_nothing(
    client: httpx.Client, trained: tuple[Path, str, str]
) -> None:
    answer = client.get(f"{PAGE}/card")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert trained[2] in answer.text
    assert "<script" not in answer.text
    assert client.get("/ml/models/BTC/USD/1d/card").status_code == 200


def test_the_history_of_a_damaged_champion_says_where_to_go_back_to(
    client: httpx.Client, settings: Settings, trained: tuple[Path, str, str]
) -> None:
    sound = client.get(f"{PAGE}/history").json()
    assert sound == client.get(PAGE).json()["history"]
    for path in settings.models_dir.glob("*.pth"):
        path.write_bytes(b"damaged")
    assert client.get(PAGE).status_code == 409
    found = client.get(f"{PAGE}/history").json()
    assert [event["version"] for event in found] == [trained[2], trained[1]]
    assert client.post(f"{PAGE}/rollback").status_code == 200
    assert client.get(PAGE).status_code == 200


def test_a_series_that_was_never_promoted_has_no_history(client: httpx.Client) -> None:
    answer = client.get("/ml/models/ETH/1d/history")
    assert (answer.status_code, answer.json()["code"]) == (404, "TF062")


def test_there_is_no_card_of_what_is_not_promoted(client: httpx.Client) -> None:
    answer = client.get("/ml/models/ETH/1d/card")
    assert (answer.status_code, answer.json()["code"]) == (404, "TF062")


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


def test_a_key_may_have_any_characters(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKERFLOW_API_KEY", "schlüssel")
    own = {b"X-API-Key": "schlüssel".encode()}
    assert client.post(f"{PAGE}/rollback", headers=own).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "10.0.0.1:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ],
)
def test_without_a_key_a_page_of_another_site_cannot_write(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    refused = client.post(f"{PAGE}/rollback", headers=headers)
    assert refused.status_code == 403
    assert "TICKERFLOW_API_KEY" in refused.json()["hint"]


def test_a_page_of_the_service_itself_may_write(client: httpx.Client) -> None:
    own = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"{PAGE}/rollback", headers=own).status_code == 200


def test_a_folder_that_cannot_be_read_is_a_problem_and_no_bug(
    client: httpx.Client, settings: Settings
) -> None:
    settings.raw_dir.write_text("no folder")
    answer = client.get("/ml/forecast", params={"ticker": "X", "interval": "1d"})
    page = client.get("/ml/quality", params={"ticker": "BTC/USD", "interval": "1d"})
    assert answer.status_code in (404, 503)
    assert (page.status_code, page.headers["content-type"]) == (503, "application/problem+json")
    assert str(settings.raw_dir) not in page.text

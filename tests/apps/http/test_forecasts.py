import csv
import io
from pathlib import Path

import httpx
import pytest

from ml.config import Settings
from ml.inference.service import ForecastService
from tests.apps.http.serving import KEY, train

ASKED = {"ticker": "BTC/USD", "interval": "1d", "n_steps": "5"}


def test_a_forecast_is_that_of_the_service_with_its_version_and_as_of_bar(
    client: httpx.Client, settings: Settings, trained: tuple[Path, str, str]
) -> None:
    answer = client.get("/ml/forecast", params=ASKED)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    expected = ForecastService.of(settings).predict(KEY, 5)
    assert found["version"] == trained[2] == expected.meta.version
    assert expected.meta.decision is not None
    assert found["verdict"] == expected.meta.decision.verdict
    assert found["skill"] == expected.meta.decision.skill
    for name in ("step", "forecast", "lower_80", "upper_80", "lower_95", "upper_95"):
        assert [step[name] for step in found["steps"]] == expected.frame[name].tolist()
    assert found["asof"] == f"{expected.series.bars['timestamp'].iloc[-1]:%Y-%m-%dT%H:%M:%SZ}"
    assert found["overdue_bars"] == 5  # bars of 2021 should be there by now
    assert found["bars_since_training"] == 0


def test_csv_is_what_accept_asks_for(client: httpx.Client) -> None:
    answer = client.get("/ml/forecast", params=ASKED, headers={"Accept": "text/csv, */*;q=0.1"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert list(rows[0])[:3] == ["step", "timestamp", "forecast"]


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/csv;q=0.5, */*", "text/csv;q=0, */*"]
)
def test_json_is_the_answer_where_csv_is_not_preferred(client: httpx.Client, accept: str) -> None:
    answer = client.get("/ml/forecast", params=ASKED, headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/json"


def test_the_etag_holds_until_another_version_or_other_steps_are_served(
    client: httpx.Client, settings: Settings
) -> None:
    etag = client.get("/ml/forecast", params=ASKED).headers["etag"]
    again = client.get("/ml/forecast", params=ASKED, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert again.headers["cache-control"] == "no-cache"
    other = client.get("/ml/forecast", params={**ASKED, "n_steps": "6"}, headers={"If-None-Match": etag})
    assert other.status_code == 200
    table = client.get(
        "/ml/forecast", params=ASKED, headers={"If-None-Match": etag, "Accept": "text/csv"}
    )
    assert table.status_code == 200

    newest = train(settings, 3)
    promoted = client.get("/ml/forecast", params=ASKED, headers={"If-None-Match": etag})
    assert promoted.status_code == 200
    assert promoted.json()["version"] == newest


def test_an_unknown_ticker_is_404_with_what_there_is(client: httpx.Client, settings: Settings) -> None:
    settings.raw_dir.mkdir()
    (settings.raw_dir / "AAPL_1d.csv").write_text("x\n")
    answer = client.get("/ml/forecast", params={**ASKED, "ticker": "AAPLE"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "AAPL 1d" in answer.json()["hint"]


def test_a_series_without_a_model_is_404_with_how_to_train(
    client: httpx.Client, settings: Settings
) -> None:
    settings.raw_dir.mkdir()
    (settings.raw_dir / "AAPL_1d.csv").write_text("x\n")
    problem = client.get("/ml/forecast", params={**ASKED, "ticker": "AAPL"}).json()
    assert (problem["status"], problem["code"]) == (404, "TF062")
    assert "POST /ml/train?ticker=AAPL&interval=1d" in problem["hint"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_steps": "0"}, "n_steps"),
        ({"n_steps": "501"}, "500"),
        ({"n_steps": "many"}, "many"),
        ({"ticker": "../../etc/passwd"}, "no path"),
        ({"ticker": "A\x00"}, "printable"),
        ({"interval": "1M"}, "interval"),
    ],
)
def test_wrong_parameters_are_422_and_say_what_is_expected(
    client: httpx.Client, wrong: dict[str, str], said: str
) -> None:
    answer = client.get("/ml/forecast", params={**ASKED, **wrong})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_a_damaged_model_is_a_problem_without_a_trace(client: httpx.Client, settings: Settings) -> None:
    for path in settings.models_dir.glob("*.pth"):
        path.write_bytes(b"damaged")
    answer = client.get("/ml/forecast", params=ASKED)
    assert (answer.status_code, answer.json()["code"]) == (409, "TF060")
    assert "Traceback" not in answer.text

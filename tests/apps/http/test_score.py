"""``/ml/score``: past forecasts beside what came, over HTTP."""

from pathlib import Path

import httpx
import pytest

from ml.config import Settings
from ml.data.store import read_bars
from ml.ledger.alarms import raise_alarm
from ml.ledger.database import opened
from tests.apps.http.serving import KEY
from tests.ml.ledger.worlds import VERSION, score, write_pair

PATH = "/ml/score/BTC%2FUSD/1d"


@pytest.fixture
def forecast(settings: Settings) -> Settings:
    """Ten forecasts in the ledger, of which the last one has not come true yet, and an alarm."""
    bars = read_bars(settings.store_dir, KEY)
    for asof in (*range(380, 389), 398):
        write_pair(settings, bars, asof, key=KEY, factor=1.01)
    score(settings, bars, KEY)
    with opened(settings.predictions_dir) as connection:
        raise_alarm(connection, KEY, VERSION, "skill", "it is lost", 1, 1_600_000_000, settled=True)
    return settings


def test_all_series_are_listed_with_their_alarms(client: httpx.Client, forecast: Settings) -> None:
    [row] = client.get("/ml/score").json()
    assert (row["ticker"], row["interval"], row["version"], row["model"]) == (
        "BTC/USD",
        "1d",
        VERSION,
        "lstm",
    )
    assert row["forecasts"] >= 9
    alarm = {
        "version": VERSION,
        "reason": "skill",
        "words": "it is lost",
        "raised_at": "2020-09-13T12:26:40Z",
    }
    assert row["alarms"] == [alarm]


def test_a_series_shows_its_scores_and_its_past_forecasts(
    client: httpx.Client, forecast: Settings
) -> None:
    page = client.get(PATH, params={"past": 3}).json()
    assert page == client.get("/ml/score/BTC/USD/1d", params={"past": 3}).json()
    [version] = page["versions"]
    assert version["skill"] == pytest.approx(client.get("/ml/score").json()[0]["skill"])
    assert [step["step"] for step in page["by_step"]] == [1, 2, 3]
    assert len(page["alarms"]) == 1
    newest = page["past"][0]
    assert [past["asof"] for past in page["past"]] == sorted(
        (past["asof"] for past in page["past"]), reverse=True
    )
    assert len(page["past"]) == 3
    bars = client.get("/ml/bars", params={"ticker": "BTC/USD", "interval": "1d"}).json()
    closes = dict(zip(bars["timestamp"], bars["close"], strict=True))
    assert newest["last_close"] == closes[newest["asof"]]
    for past in page["past"]:
        for step in past["steps"]:
            if step["due"] in closes:
                assert step["actual"] == closes[step["due"]]
    assert newest["steps"][-1]["actual"] is None
    assert page["open_steps"] > 0


def test_before_any_forecast_there_is_nothing_to_score(client: httpx.Client) -> None:
    assert client.get("/ml/score").json() == []
    page = client.get(PATH).json()
    assert (page["versions"], page["by_step"], page["past"], page["open_steps"]) == ([], [], [], 0)


def test_an_unknown_series_has_no_score(client: httpx.Client) -> None:
    answer = client.get("/ml/score/ETH%2FUSD/1d")
    assert (answer.status_code, answer.json()["code"]) == (404, "TF002")
    assert client.get("/ml/score/..%2F..%2Fetc/1d").status_code == 422
    assert client.get(PATH, params={"past": 251}).status_code == 422


def test_a_damaged_ledger_is_said_and_breaks_nothing_else(
    client: httpx.Client, settings: Settings
) -> None:
    Path(settings.predictions_dir).mkdir(exist_ok=True)
    (settings.predictions_dir / "ledger.sqlite").write_bytes(b"no database" * 100)
    assert client.get("/ml/score").status_code == 503
    assert client.get(PATH).json()["code"] == "TF070"
    assert client.get("/ml/forecast", params={"ticker": "BTC/USD", "interval": "1d"}).status_code == 200

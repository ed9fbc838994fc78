import csv
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.inference.service import ForecastService
from tests.apps.http.serving import KEY, serving, train

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
    assert found["overdue_bars"] == 500  # bars of 2021 should be there by now: counted up to there
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


def test_the_random_walks_bands_stand_beside_the_models(client: httpx.Client) -> None:
    found = client.get("/ml/forecast", params=ASKED).json()
    close, walk = found["last_close"], found["walk"]
    assert {len(band) for band in walk.values()} == {5}
    for step in range(5):
        inner, outer = (walk[f"lower_{level}"][step] for level in (80, 95))
        assert 0 < outer < inner < close < walk["upper_80"][step] < walk["upper_95"][step]
        # Symmetric in log price around the last close.
        assert walk["upper_80"][step] * inner == pytest.approx(close**2)


def test_the_etag_changes_where_only_the_age_of_the_model_counts_otherwise(settings: Settings) -> None:
    watch = settings.watch.model_copy(update={"max_age_days": 1e-9})
    with serving(settings) as young, serving(settings.model_copy(update={"watch": watch})) as old:
        fresh, expired = (client.get("/ml/forecast", params=ASKED) for client in (young, old))
    assert (fresh.json()["expired"], expired.json()["expired"][:8]) == ("", "expired:")
    assert fresh.json()["steps"] == expired.json()["steps"]
    assert fresh.headers["etag"] != expired.headers["etag"]


def test_each_answer_is_of_one_version_while_the_series_is_promoted(
    client: httpx.Client, settings: Settings, trained: tuple[Path, str, str]
) -> None:
    _, *versions = trained
    store, service = ModelStore(settings.models_dir), ForecastService.of(settings)
    expected = {}
    for version in versions:
        store.rollback(KEY, version)
        expected[version] = service.predict(KEY, 5).frame["lower_95"].tolist()
    assert expected[versions[0]] != expected[versions[1]]
    ended, found = threading.Event(), []

    def read() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            while not ended.is_set():
                found.append(own.get("/ml/forecast", params=ASKED))

    with ThreadPoolExecutor(3) as readers:
        reading = [readers.submit(read) for _ in range(3)]
        try:
            for turn in range(12):
                promoted = store.rollback(KEY, versions[turn % 2])
                newest = client.get("/ml/forecast", params=ASKED).json()
                assert newest["generation"] == promoted.generation  # at once
                time.sleep(0.02)
        finally:
            ended.set()
        for one in reading:
            one.result(30)
    assert {answer.status_code for answer in found} == {200}
    for answer in (answer.json() for answer in found):
        assert [step["lower_95"] for step in answer["steps"]] == expected[answer["version"]]
    of = {(answer.json()["generation"], answer.json()["version"]) for answer in found}
    assert len(of) == len({generation for generation, _ in of})

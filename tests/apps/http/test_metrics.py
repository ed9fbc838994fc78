import time
from pathlib import Path

import httpx
from prefect.settings import PREFECT_API_URL, temporary_settings
from prometheus_client.parser import text_string_to_metric_families

from apps.http.metrics import MOST_SERIES, Metrics
from ml.config import Settings
from ml.series import SeriesKey
from tests.apps.http import prefect_side
from tests.stored import quick_settings

FORECAST = {"ticker": "BTC/USD", "interval": "1d", "n_steps": "3"}
Samples = dict[tuple[str, ...], float]


def scrape(client: httpx.Client) -> Samples:
    """Each sample by its name and its labels' values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_template_and_class_of_status(client: httpx.Client) -> None:
    for ticker in ("BTC%2FUSD", "BTC/USD", "NONE"):
        client.get(f"/ml/models/{ticker}/1d")
    client.get("/ml/forecast", params={**FORECAST, "n_steps": "0"})
    counted = scrape(client)
    template = "/ml/models/{ticker}/{interval}"
    assert counted["tickerflow_request_seconds_count", "GET", template, "2xx"] == 2
    assert counted["tickerflow_request_seconds_count", "GET", template, "4xx"] == 1
    assert counted["tickerflow_request_seconds_count", "GET", "/ml/forecast", "4xx"] == 1


def test_unknown_paths_and_methods_make_no_labels(client: httpx.Client) -> None:
    before = scrape(client)
    for number in range(5):
        client.request(f"MADEUP{number}", f"/nowhere/{number}")
    counted = scrape(client)
    assert counted["tickerflow_request_seconds_count", "other", "(none)", "4xx"] == 5
    grown = {key[1:] for key in counted.keys() - before.keys() if key[0].endswith("_count")}
    assert grown == {("other", "(none)", "4xx"), ("GET", "/metrics", "2xx")}


def test_forecasts_and_last_bars_are_told_by_series(client: httpx.Client, settings: Settings) -> None:
    for _ in range(3):
        assert client.get("/ml/forecast", params=FORECAST).status_code == 200
    client.get("/ml/forecast", params={**FORECAST, "ticker": "NONE"})
    until = time.monotonic() + 120
    while True:  # the board reads beside the answers
        counted = scrape(client)
        last = counted.get(("tickerflow_last_bar_timestamp_seconds", "1d", "BTC/USD"))
        if last is not None and ("tickerflow_overdue_bars", "1d", "BTC/USD") in counted:
            break
        assert time.monotonic() < until
        time.sleep(0.1)
    assert counted["tickerflow_forecasts_total", "1d", "BTC/USD"] == 3
    assert counted["tickerflow_overdue_bars", "1d", "BTC/USD"] == 500
    assert not any("NONE" in key for key in counted)
    assert counted[("tickerflow_series",)] == 1
    asof = client.get("/ml/forecast", params=FORECAST).json()["asof"]
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last)) == asof


def test_without_prefect_the_scrape_succeeds_and_names_no_queue(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    with temporary_settings({PREFECT_API_URL: None}), prefect_side.serving(settings) as client:
        began = time.monotonic()
        counted = scrape(client)
        assert time.monotonic() - began < 10  # none is started, which takes longer
    assert counted[("tickerflow_prefect_up",)] == 0
    assert ("tickerflow_trainings_queued",) not in counted


def test_series_beyond_the_bound_are_counted_together() -> None:
    metrics = Metrics()
    for number in range(MOST_SERIES + 3):
        metrics.count_forecast(SeriesKey.of(f"S{number}", "1d"))
    metrics.count_forecast(SeriesKey.of("S0", "1d"))
    value = metrics.registry.get_sample_value
    assert value("tickerflow_forecasts_total", {"ticker": "(other)", "interval": ""}) == 3
    assert value("tickerflow_forecasts_total", {"ticker": "S0", "interval": "1d"}) == 2

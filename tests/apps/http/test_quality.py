"""``GET /ml/quality``: gaps, bad rows and rejections, as they are in a real vendor's kind of file."""

from pathlib import Path

import httpx
import pytest

from ml.config import Settings
from tests.apps.http.serving import serving
from tests.stored import quick_settings
from tests.synthetic import make_bars

ASKED = {"ticker": "BTC-USD", "interval": "1d"}


@pytest.fixture
def served(tmp_path: Path) -> Settings:
    """A raw file of 100 days without the days 10 to 12, and with two bad rows."""
    settings = quick_settings(tmp_path)
    bars = make_bars(100, freq="D").drop(index=[10, 11, 12])
    table = bars.assign(timestamp=bars["timestamp"].dt.strftime("%Y-%m-%d")).astype(object)
    table.loc[20, "close"] = "n/a"
    table.loc[30, "volume"] = -5
    settings.raw_dir.mkdir()
    table.to_csv(settings.raw_dir / "BTC-USD_1d.csv", index=False)
    return settings


def test_gaps_and_bad_rows_are_listed_where_they_are(served: Settings) -> None:
    with serving(served) as client:
        found = client.get("/ml/quality", params=ASKED).json()
    assert [file["name"] for file in found["files"]] == ["BTC-USD_1d.csv"]
    assert found["rows"] == 95
    assert found["quarantined"] == {"missing_value": 1, "negative_volume": 1}
    assert [(row["reason"], row["line"]) for row in found["examples"]] == [
        ("missing_value", 19),
        ("negative_volume", 29),
    ]
    assert "n/a" in found["examples"][0]["text"]
    assert (found["n_gaps"], found["missing_bars"]) == (3, 5)
    oldest = found["gaps"][-1]
    assert oldest == {
        "after": "2020-01-10T00:00:00Z",
        "before": "2020-01-14T00:00:00Z",
        "missing": 3,
    }
    assert found["problem"] == ""


def test_a_rejected_file_is_named_with_what_to_do(served: Settings) -> None:
    with serving(served) as client:
        before = client.get("/ml/quality", params=ASKED).json()
        path = served.raw_dir / "BTC-USD_1d.csv"
        path.write_text(path.read_text().replace(",1", ",x"), encoding="utf-8")
        found = client.get("/ml/quality", params=ASKED).json()
    assert "bad rows" in found["problem"]
    assert found["hint"]
    assert (found["rows"], found["last"]) == (before["rows"], before["last"])
    assert sum(found["quarantined"].values()) > 2
    assert len(found["examples"]) <= 100


def test_a_series_that_is_not_there_is_not_found(client: httpx.Client) -> None:
    answer = client.get("/ml/quality", params={"ticker": "ETH/USD", "interval": "1d"})
    assert (answer.status_code, answer.json()["code"]) == (404, "TF002")


def test_a_series_of_the_store_alone_has_no_files(client: httpx.Client) -> None:
    found = client.get("/ml/quality", params={"ticker": "BTC/USD", "interval": "1d"}).json()
    assert (found["files"], found["rows"]) == ([], 400)

"""``GET /ml/bars``: the newest bars, as JSON in columns or as CSV."""

import io

import httpx
import pandas as pd
import pytest

from ml.config import Settings
from ml.data.store import read_bars
from tests.apps.http.serving import KEY

ASKED = {"ticker": "BTC/USD", "interval": "1d"}


def test_the_newest_bars_come_in_columns(client: httpx.Client, settings: Settings) -> None:
    stored = read_bars(settings.store_dir, KEY)
    body = client.get("/ml/bars", params={**ASKED, "last": 7}).json()
    assert body["rows"] == len(stored)
    assert pd.to_datetime(body["timestamp"]).tolist() == stored["timestamp"].tail(7).tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert body[name] == stored[name].tail(7).tolist()
    assert pd.Timestamp(body["first"]) == stored["timestamp"].iloc[0]
    assert pd.Timestamp(body["last"]) == stored["timestamp"].iloc[-1]
    assert body["calendar"]


def test_csv_holds_the_same_bars(client: httpx.Client, settings: Settings) -> None:
    answer = client.get("/ml/bars", params=ASKED, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert 'filename="BTC%2FUSD_1d.csv"' in answer.headers["Content-Disposition"]
    table = pd.read_csv(io.StringIO(answer.text), parse_dates=["timestamp"])
    stored = read_bars(settings.store_dir, KEY)
    pd.testing.assert_frame_equal(table, stored, check_dtype=False)


def test_an_etag_holds_for_its_bars_number_and_format(client: httpx.Client) -> None:
    etag = client.get("/ml/bars", params=ASKED).headers["ETag"]
    held = {"If-None-Match": etag}
    assert client.get("/ml/bars", params=ASKED, headers=held).status_code == 304
    assert client.get("/ml/bars", params={**ASKED, "last": 7}, headers=held).status_code == 200
    as_csv = {**held, "Accept": "text/csv"}
    assert client.get("/ml/bars", params=ASKED, headers=as_csv).status_code == 200


def test_bars_without_a_volume_say_null(client: httpx.Client, settings: Settings) -> None:
    rows = "\n".join(f"2024-01-{day:02},1,2,0.5,{day}" for day in range(1, 20))
    settings.raw_dir.mkdir(exist_ok=True)
    (settings.raw_dir / "EURUSD_1d.csv").write_text(
        f"date,open,high,low,close\n{rows}\n".replace(",2,0.5,", ",99,0.5,"), encoding="utf-8"
    )
    body = client.get("/ml/bars", params={"ticker": "EURUSD", "interval": "1d"}).json()
    assert body["volume"] == [None] * 19


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"last": 0}, 422),
        ({"last": 5001}, 422),
        ({"interval": "1x"}, 422),
        ({"ticker": "../../etc/passwd"}, 422),
        ({"ticker": "ETH/USD"}, 404),
    ],
)
def test_what_cannot_be_shown_is_a_problem(
    client: httpx.Client, more: dict[str, object], status: int
) -> None:
    answer = client.get("/ml/bars", params={**ASKED, **more})  # type: ignore[dict-item]
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"

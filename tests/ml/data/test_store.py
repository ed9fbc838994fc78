import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.data import store
from ml.errors import NoDataError, StoreError
from ml.outcomes import IngestOutcome
from ml.series import SeriesKey

KEY = SeriesKey.of("BTC/USD", "1d")


def some_bars(n: int = 50, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=n, freq="1D", tz="UTC").as_unit("ns"),
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": np.where(rng.random(n) < 0.2, np.nan, 1000.0),
        }
    )


def write_series(folder: Path, bars: pd.DataFrame, key: SeriesKey = KEY) -> IngestOutcome:
    fingerprint = store.write_bars(folder, key, bars)
    outcome = IngestOutcome(
        ticker=key.ticker,
        interval=str(key.interval),
        status="ok",
        rows=len(bars),
        first=bars["timestamp"].iloc[0].to_pydatetime(),
        fingerprint=fingerprint,
        store_path=str(store.bars_path(folder, key)),
    )
    store.write_sidecar(folder, key, store.Sidecar(config="c", sources=(), outcome=outcome))
    return outcome


def test_bars_come_back_as_they_were_written(tmp_path: Path) -> None:
    bars = some_bars()
    assert store.write_bars(tmp_path, KEY, bars) == store.bars_fingerprint(bars)
    back = store.read_bars(tmp_path, KEY)
    pd.testing.assert_frame_equal(back, bars)
    assert isinstance(back.index, pd.RangeIndex)
    assert store.bars_fingerprint(back) == store.bars_fingerprint(bars)


def test_the_parquet_file_has_exactly_the_columns_of_the_contract(tmp_path: Path) -> None:
    store.write_bars(tmp_path, KEY, some_bars())
    table = pq.read_table(tmp_path / "BTC%2FUSD_1d.parquet")
    assert table.column_names == ["timestamp", "open", "high", "low", "close", "volume"]
    assert table.schema.field("timestamp").type == pa.timestamp("ns", tz="UTC")
    assert table["volume"].null_count == some_bars()["volume"].isna().sum() > 0


def test_the_fingerprint_is_of_the_content_alone(tmp_path: Path) -> None:
    bars = some_bars()
    same = bars.copy()
    nan_of_another_make = np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]
    same["volume"] = np.where(bars["volume"].isna(), nan_of_another_make, bars["volume"])
    same.index = same.index + 7
    assert store.bars_fingerprint(same) == store.bars_fingerprint(bars)
    for column in bars.columns:
        other = bars.copy()
        other[column] = other[column] + (pd.Timedelta(1) if column == "timestamp" else 1e-9)
        assert store.bars_fingerprint(other) != store.bars_fingerprint(bars), column


def test_a_series_that_was_not_ingested_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="tickerflow ingest"):
        store.read_bars(tmp_path, KEY)
    assert store.read_outcome(tmp_path, KEY) is None


def test_any_damage_to_a_parquet_file_is_an_error_that_says_to_ingest_again(tmp_path: Path) -> None:
    bars = some_bars(300)
    store.write_bars(tmp_path, KEY, bars)
    path = store.bars_path(tmp_path, KEY)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-20], whole[: len(whole) // 2], b"<html>" * 50):
        path.write_bytes(content)
        with pytest.raises(StoreError, match="tickerflow ingest"):
            store.read_bars(tmp_path, KEY)
    rng = np.random.default_rng(0)
    silent = 0
    for position in rng.integers(0, len(whole), 200):
        flipped = bytearray(whole)
        flipped[position] ^= 0xFF
        path.write_bytes(flipped)
        try:
            # What a flip in a header's unused part leaves is either the same bars, or an error.
            silent += not store.read_bars(tmp_path, KEY).equals(bars)
        except StoreError:
            continue
    assert silent == 0


def test_a_parquet_file_of_another_kind_is_an_error_that_names_its_columns(tmp_path: Path) -> None:
    some_bars().rename(columns={"close": "price"}).to_parquet(store.bars_path(tmp_path, KEY))
    with pytest.raises(StoreError, match="price"):
        store.read_bars(tmp_path, KEY)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="store-dir"):
        store.write_bars(tmp_path / "file", KEY, some_bars())


def test_an_outcome_comes_back_and_follows_its_store(tmp_path: Path) -> None:
    outcome = write_series(tmp_path / "old", some_bars())
    assert store.read_outcome(tmp_path / "old", KEY) == outcome
    (tmp_path / "old").rename(tmp_path / "new")
    moved = store.read_outcome(tmp_path / "new", KEY)
    assert moved is not None
    assert moved.store_path == str(tmp_path / "new" / "BTC%2FUSD_1d.parquet")


def test_a_sidecar_that_does_not_belong_to_the_bars_does_not_count(tmp_path: Path) -> None:
    write_series(tmp_path, some_bars())
    store.write_bars(tmp_path, KEY, some_bars(seed=1))  # the writer died before the sidecar
    assert store.read_outcome(tmp_path, KEY) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 2}', b"\xff"])
def test_a_damaged_sidecar_does_not_count(tmp_path: Path, content: bytes) -> None:
    write_series(tmp_path, some_bars())
    store.sidecar_path(tmp_path, KEY).write_bytes(content)
    assert store.read_outcome(tmp_path, KEY) is None


def test_a_sidecar_without_its_bars_or_with_damaged_ones_does_not_count(tmp_path: Path) -> None:
    write_series(tmp_path, some_bars())
    path = store.bars_path(tmp_path, KEY)
    path.write_bytes(path.read_bytes()[:-9])
    assert store.read_outcome(tmp_path, KEY) is None
    path.unlink()
    assert store.read_outcome(tmp_path, KEY) is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
@pytest.mark.parametrize("suffix", [".parquet", ".ingest.json"])
def test_no_regular_file_is_damage_and_makes_nobody_wait(tmp_path: Path, suffix: str, kind: str) -> None:
    write_series(tmp_path, some_bars())
    path = tmp_path / f"{KEY.stem}{suffix}"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    before = len(list(Path("/dev/fd").iterdir()))
    assert store.read_outcome(tmp_path, KEY) is None
    if suffix == ".parquet":
        with pytest.raises(StoreError, match="tickerflow ingest"):
            store.read_bars(tmp_path, KEY)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_sidecar_is_small(tmp_path: Path) -> None:
    write_series(tmp_path, some_bars(5000))
    assert store.sidecar_path(tmp_path, KEY).stat().st_size < 1000


def quarantine(folder: Path, *texts: str) -> Path | None:
    rows = pd.DataFrame(
        {
            "file": "BTC%2FUSD_1d.csv",
            "line": range(2, 2 + len(texts)),
            "reason": "missing_value",
            "timestamp": pd.to_datetime(
                [*["2024-01-02"] * (len(texts) - 1), ""][: len(texts)], utc=True
            ),
        }
    )
    return store.write_quarantine(folder, KEY, rows, texts)


def test_quarantined_rows_stand_beside_the_bars_and_vanish_with_their_reason(tmp_path: Path) -> None:
    path = quarantine(tmp_path, '2024-01-02,"1,0",null', "x;y")
    assert path == tmp_path / "BTC%2FUSD_1d.quarantine.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "file": "BTC%2FUSD_1d.csv",
        "line": "2",
        "reason": "missing_value",
        "timestamp": "2024-01-02T00:00:00Z",
        "text": '2024-01-02,"1,0",null',
    }
    assert (rows[1]["timestamp"], rows[1]["text"]) == ("", "x;y")
    assert quarantine(tmp_path) is None
    assert not any(tmp_path.iterdir())


def test_no_quarantined_text_becomes_a_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    hostile = ["=HYPERLINK(1)", "+1", "-1,2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "2024,=1"]
    path = quarantine(tmp_path, *hostile)
    assert path is not None
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert texts == [f"'{text}" for text in hostile[:-1]] + hostile[-1:]


def test_bytes_of_no_encoding_are_shown_escaped(tmp_path: Path) -> None:
    path = quarantine(tmp_path, "a\udcff")
    assert path is not None
    assert "a\\udcff" in path.read_text(encoding="utf-8")


def test_tickers_that_look_like_data_or_patterns_have_files_of_their_own(tmp_path: Path) -> None:
    tickers = [
        "BRK.A",
        "BRK.B",
        "NA",
        "TRUE",
        "0700",
        "700",
        "CON",
        "BTC/USD",
        "BTC-USD",
        "BTC_USD",
        "[A]",
        "A",
        "*",
    ]
    for seed, ticker in enumerate(tickers):
        write_series(tmp_path, some_bars(seed=seed), SeriesKey.of(ticker, "1d"))
    for seed, ticker in enumerate(tickers):
        key = SeriesKey.of(ticker, "1d")
        pd.testing.assert_frame_equal(store.read_bars(tmp_path, key), some_bars(seed=seed))
        outcome = store.read_outcome(tmp_path, key)
        assert outcome is not None
        assert outcome.ticker == ticker

"""From raw files to bars in the store: what is read, merged, kept and reported."""

import csv
import os
from pathlib import Path

import pytest

from ml.config import IngestConfig, Settings
from ml.data import store
from ml.data.ingest import ingest_series
from ml.series import SeriesKey
from tests.ml.data.raw_files import CONFIG, HEADER, Ingest, in_two_steps, only, put, rows, stored


@pytest.mark.parametrize("how", [ingest_series, in_two_steps])
def test_a_series_is_read_judged_and_stored(settings: Settings, how: Ingest) -> None:
    lines = rows()
    lines[3] = "2024-01-04,null,null,null,null,null"
    lines[7] = "2024-01-10,100,99,98,100,5"
    put(settings, "AAPL_1d.csv", [*lines, lines[0]])
    outcome = how(only(settings), settings)
    assert outcome.failure is None
    assert (outcome.status, outcome.rows, outcome.duplicates_collapsed) == ("ok", 28, 1)
    assert outcome.quarantined == {"missing_value": 1, "inconsistent_ohlc": 1}
    assert str(outcome.first) == "2024-01-01 00:00:00+00:00"
    assert outcome.has_volume
    assert outcome.files == ("AAPL_1d.csv",)
    assert outcome.calendar
    bars = store.read_bars(settings.store_dir, outcome.key)
    assert len(bars) == 28
    assert store.bars_fingerprint(bars) == outcome.fingerprint
    with Path(outcome.quarantine_path).open(encoding="utf-8", newline="") as file:
        found = [(row["file"], row["line"], row["reason"], row["text"]) for row in csv.DictReader(file)]
    assert found == [
        ("AAPL_1d.csv", "5", "missing_value", lines[3]),
        ("AAPL_1d.csv", "9", "inconsistent_ohlc", lines[7]),
    ]
    assert sorted(stored(settings)) == [
        "AAPL_1d.ingest.json",
        "AAPL_1d.parquet",
        "AAPL_1d.quarantine.csv",
    ]
    assert not any((settings.store_dir / ".staging").glob("*")), "staged rows do not stay"


def test_both_ways_store_the_same_to_the_byte(settings: Settings) -> None:
    put(settings, "AAPL_1d.csv", rows())
    ingest_series(only(settings), settings)
    one = stored(settings)["AAPL_1d.parquet"]
    for path in settings.store_dir.glob("*"):
        path.unlink()
    in_two_steps(only(settings), settings)
    assert stored(settings)["AAPL_1d.parquet"] == one


def test_files_of_one_series_merge_and_the_last_file_stays(settings: Settings) -> None:
    put(settings, "AAPL_1d_a.csv", rows(20))
    later = rows(30)[15:]
    later[0] = later[0].rsplit(",", 1)[0] + ",7"
    put(settings, "AAPL_1d_b.csv", later)
    outcome = ingest_series(only(settings), settings)
    assert (outcome.status, outcome.rows) == ("ok", 30)
    assert outcome.duplicates_collapsed == 4
    assert outcome.quarantined == {"duplicate_timestamp": 1}
    assert store.read_bars(settings.store_dir, outcome.key)["volume"].iloc[15] == 7
    with Path(outcome.quarantine_path).open(encoding="utf-8", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["AAPL_1d_a.csv"]


def test_an_unchanged_series_is_not_read_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, "AAPL_1d.csv", rows())
    first = ingest_series(only(settings), settings)
    before = stored(settings)
    (settings.raw_dir / "AAPL_1d.csv").chmod(0o600)
    for how in (ingest_series, in_two_steps):
        again = how(only(settings), settings)
        assert again.unchanged
        assert again.model_copy(update={"unchanged": False, "seconds": first.seconds}) == first
    assert stored(settings)["AAPL_1d.parquet"] == before["AAPL_1d.parquet"]


def test_the_same_content_under_a_new_date_is_unchanged_and_remembered(settings: Settings) -> None:
    path = put(settings, "AAPL_1d.csv", rows())
    ingest_series(only(settings), settings)
    os.utime(path, (1, 1))
    assert ingest_series(only(settings), settings).unchanged
    sidecar = store.read_sidecar(settings.store_dir, SeriesKey.of("AAPL", "1d"))
    assert sidecar is not None
    assert sidecar.sources[0].mtime_ns == 1_000_000_000


def test_a_change_of_file_configuration_or_override_is_read(settings: Settings) -> None:
    path = put(settings, "AAPL_1d.csv", rows())
    ingest_series(only(settings), settings)
    path.write_text(path.read_text().replace("2024-01-01,", "2023-12-29,"))
    changed = ingest_series(only(settings), settings)
    assert not changed.unchanged
    assert str(changed.first) == "2023-12-29 00:00:00+00:00"
    stricter = settings.model_copy(update={"ingest": CONFIG.model_copy(update={"max_bad_share": 0.1})})
    assert not ingest_series(only(settings), stricter).unchanged
    assert ingest_series(only(settings), stricter).unchanged
    (settings.raw_dir / "overrides.toml").write_text('["AAPL"]\ndelimiter = ","\n')
    assert not ingest_series(only(settings), stricter).unchanged
    assert ingest_series(only(settings), stricter).unchanged
    put(settings, "AAPL_1d_more.csv", rows(5, "2025-01-01"))
    assert ingest_series(only(settings), stricter).rows == 35


@pytest.mark.parametrize("lost", ["AAPL_1d.parquet", "AAPL_1d.ingest.json", "AAPL_1d.quarantine.csv"])
def test_what_is_lost_from_the_store_is_made_again(settings: Settings, lost: str) -> None:
    put(settings, "AAPL_1d.csv", [*rows(), "2024-06-03,0,1,1,1,1"])
    ingest_series(only(settings), settings)
    before = stored(settings)
    (settings.store_dir / lost).unlink()
    assert not ingest_series(only(settings), settings).unchanged
    assert stored(settings)[lost] == before[lost] or lost.endswith("json")
    assert sorted(stored(settings)) == sorted(before)


def test_a_writer_that_died_before_the_sidecar_is_noticed(settings: Settings) -> None:
    put(settings, "AAPL_1d.csv", rows())
    outcome = ingest_series(only(settings), settings)
    bars = store.read_bars(settings.store_dir, outcome.key)
    store.write_bars(settings.store_dir, outcome.key, bars.head(9))
    again = ingest_series(only(settings), settings)
    assert not again.unchanged
    assert store.read_outcome(settings.store_dir, again.key) is not None
    assert len(store.read_bars(settings.store_dir, again.key)) == 30


def test_bad_rows_up_to_the_limit_are_quarantined_and_above_it_reject_the_series(
    settings: Settings,
) -> None:
    lines = rows(20)
    for i in range(5):
        lines[i] = lines[i].split(",")[0] + ",,,,,"
    path = put(settings, "AAPL_1d.csv", lines)
    outcome = ingest_series(only(settings), settings)
    assert (outcome.status, outcome.rows, outcome.quarantined) == ("ok", 15, {"missing_value": 5})
    before = stored(settings)

    lines[6] = lines[6].split(",")[0] + ",,,,,"
    path.write_text("\n".join([HEADER, *lines]))
    for how in (ingest_series, in_two_steps):
        rejected = how(only(settings), settings)
        assert rejected.status == "rejected"
        assert rejected.failure is not None
        assert rejected.failure.code == "TF020"
        assert "6 of 20 (30%): 6 missing_value" in rejected.failure.message
        assert "AAPL_1d.csv:2" in rejected.failure.hint
        assert rejected.quarantined == {"missing_value": 6}
        assert len(Path(rejected.quarantine_path).read_text().splitlines()) == 7
    after = stored(settings)
    for name in ("AAPL_1d.parquet", "AAPL_1d.ingest.json"):
        assert after[name] == before[name], "what was stored before stays"


def test_collapsed_duplicates_are_not_bad_rows(settings: Settings) -> None:
    put(settings, "AAPL_1d.csv", rows(10) * 4)
    outcome = ingest_series(only(settings), settings)
    assert (outcome.status, outcome.rows, outcome.duplicates_collapsed) == ("ok", 10, 30)


def test_a_short_series_is_kept(settings: Settings) -> None:
    put(settings, "AAPL_1d.csv", rows(2))
    outcome = ingest_series(only(settings), settings)
    assert (outcome.status, outcome.rows) == ("ok", 2)


def test_quarantine_goes_when_its_rows_are_mended(settings: Settings) -> None:
    path = put(settings, "AAPL_1d.csv", [*rows(), "2024-06-03,0,1,1,1,1"])
    assert ingest_series(only(settings), settings).quarantine_path
    path.write_text("\n".join([HEADER, *rows()]))
    outcome = ingest_series(only(settings), settings)
    assert (outcome.quarantine_path, outcome.quarantined) == ("", {})
    assert sorted(stored(settings)) == ["AAPL_1d.ingest.json", "AAPL_1d.parquet"]


def test_gaps_and_suspects_are_reported_and_stay(settings: Settings) -> None:
    lines = rows(300, "2022-01-03")
    del lines[100]
    parts = lines[200].split(",")
    lines[200] = ",".join([parts[0], *(f"{float(p) * 100:.2f}" for p in parts[1:5]), parts[5]])
    put(settings, "AAPL_1d.csv", lines)
    settings = settings.model_copy(update={"ingest": IngestConfig(calendar="XNYS")})
    outcome = ingest_series(only(settings), settings)
    assert (outcome.rows, outcome.calendar) == (299, "XNYS")
    assert [f"{stamp:%Y-%m-%d}" for stamp in outcome.suspect] == [parts[0]]
    assert outcome.gaps >= 1


@pytest.mark.parametrize("how", [ingest_series, in_two_steps])
def test_a_split_is_suspect_unless_the_file_itself_corrects_it(settings: Settings, how: Ingest) -> None:
    lines = rows(200)
    halved = [line.split(",") for line in lines]
    for cells in halved[100:]:
        cells[1:5] = [f"{float(price) / 2:.2f}" for price in cells[1:5]]
    path = put(settings, "AAPL_1d.csv", [",".join(cells) for cells in halved])
    assert [f"{stamp:%Y-%m-%d}" for stamp in how(only(settings), settings).suspect] == [halved[100][0]]
    corrected = [
        ",".join([*cells, line.split(",")[4]]) for cells, line in zip(halved, lines, strict=True)
    ]
    path.write_text("\n".join([HEADER + ",Adj Close", *corrected]))
    assert how(only(settings), settings).suspect == ()

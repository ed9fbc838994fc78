"""Stretches without bars, and the rows that are none."""

import os
from pathlib import Path

import pandas as pd
import pytest

from ml.data.calendars import Calendar
from ml.data.quality import gap_stretches, read_quarantine
from ml.data.store import quarantine_path, write_quarantine
from ml.errors import StoreError
from ml.series import SeriesKey
from tests.synthetic import make_bars

AAPL = SeriesKey.of("AAPL", "1d")
COIN = SeriesKey.of("BTC-USD", "1d")


def test_neighbouring_missing_bars_are_one_gap_between_the_bars_around_it() -> None:
    bars = make_bars(30, freq="D")
    stamps = bars["timestamp"]
    kept = bars.drop(index=[5, 6, 7, 20]).reset_index(drop=True)
    found = gap_stretches(Calendar("24/7"), COIN, kept, 10)
    newest, oldest = found.newest
    assert (oldest.after, oldest.before, oldest.missing) == (stamps[4], stamps[8], 3)
    assert (newest.after, newest.before, newest.missing) == (stamps[19], stamps[21], 1)
    assert (found.stretches, found.missing) == (2, 4)


def test_of_many_gaps_the_newest_are_shown_and_all_are_counted() -> None:
    kept = make_bars(100, freq="D").iloc[::2].reset_index(drop=True)
    found = gap_stretches(Calendar("24/7"), COIN, kept, 3)
    assert (found.stretches, found.missing) == (49, 49)
    assert [gap.before for gap in found.newest] == kept["timestamp"].iloc[:-4:-1].tolist()


def test_a_series_without_gaps_has_none() -> None:
    found = gap_stretches(Calendar("24/7"), COIN, make_bars(30, freq="D"), 10)
    assert (found.newest, found.stretches, found.missing) == ((), 0, 0)


def test_quarantined_rows_are_counted_by_reason_and_the_first_are_shown(tmp_path: Path) -> None:
    quarantined(tmp_path, ["missing_value"] * 3 + ["negative_volume"] * 2, ["a,b"] * 5)
    found = read_quarantine(tmp_path, AAPL, 4)
    assert found.counts == {"missing_value": 3, "negative_volume": 2}
    assert [(row.file, row.line, row.reason, row.text) for row in found.rows] == [
        ("AAPL_1d.csv", line, reason, "a,b")
        for line, reason in ((2, "missing_value"), (3, "missing_value"), (4, "missing_value"))
    ] + [("AAPL_1d.csv", 5, "negative_volume", "a,b")]


@pytest.mark.timeout(60)
def test_a_pipe_in_place_of_the_quarantined_rows_is_damage(tmp_path: Path) -> None:
    os.mkfifo(quarantine_path(tmp_path, AAPL))
    with pytest.raises(StoreError, match="not a regular file"):
        read_quarantine(tmp_path, AAPL, 4)


def test_a_long_row_is_cut(tmp_path: Path) -> None:
    quarantined(tmp_path, ["missing_value"], ["x" * 10_000])
    [row] = read_quarantine(tmp_path, AAPL, 10).rows
    assert len(row.text) < 500
    assert row.text.endswith("...")


def test_a_row_longer_than_any_field_of_csv_is_counted_too(tmp_path: Path) -> None:
    quarantined(tmp_path, ["missing_value"] * 2, ["x" * 1_000_000, "y"])
    assert [row.text[0] for row in read_quarantine(tmp_path, AAPL, 10).rows] == ["x", "y"]


def test_a_series_without_a_quarantine_has_no_bad_rows(tmp_path: Path) -> None:
    found = read_quarantine(tmp_path, AAPL, 10)
    assert (found.counts, found.rows) == ({}, ())


def test_a_damaged_quarantine_is_named(tmp_path: Path) -> None:
    quarantine_path(tmp_path, AAPL).write_text("file,line\n1,2\n", encoding="utf-8")
    with pytest.raises(StoreError, match="other columns than file, line, reason"):
        read_quarantine(tmp_path, AAPL, 10)


def quarantined(folder: Path, reasons: list[str], texts: list[str]) -> None:
    rows = pd.DataFrame(
        {
            "file": "AAPL_1d.csv",
            "line": range(2, len(reasons) + 2),
            "reason": reasons,
            "timestamp": pd.DatetimeIndex([pd.NaT] * len(reasons)).tz_localize("UTC"),
        }
    )
    write_quarantine(folder, AAPL, rows, texts)

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.data import atomic
from ml.data.reading import Reading
from ml.data.sources import SourceFile
from ml.data.staging import About, RawRows, load_rows, save_rows
from ml.errors import StoreError

READING = Reading(
    encoding="cp1252",
    delimiter=";",
    decimal=",",
    header_lines=(1,),
    first_line=2,
    columns={"timestamp": 0},
    names={"timestamp": "Währung"},
    stamps="written",
    zone="",
    symbol="",
    has_volume=False,
    warnings=("a",),
)


def some_rows() -> RawRows:
    about = About(
        ticker="BTC/USD",
        interval="1d",
        paths=(Path("raw/BTC%2FUSD_1d.csv"),),
        sources=(SourceFile(name="BTC%2FUSD_1d.csv", size=1, mtime_ns=2, ctime_ns=3, sha256="x"),),
        config="c",
        readings=(READING,),
        seconds=0.5,
    )
    stamps = pd.to_datetime(["2024-01-02", ""], utc=True).astype("datetime64[ns, UTC]")
    frame = pd.DataFrame({"timestamp": stamps, "open": [1.0, np.nan], "line": [2, 3]})
    return RawRows(about, frame)


def test_staged_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path = save_rows(tmp_path / ".staging", some_rows())
    back = load_rows(path)
    assert back.about == some_rows().about
    pd.testing.assert_frame_equal(back.frame, some_rows().frame)


def test_two_stagings_of_one_series_do_not_meet(tmp_path: Path) -> None:
    assert save_rows(tmp_path, some_rows()) != save_rows(tmp_path, some_rows())


def test_rows_that_nobody_judged_are_swept_in_the_end(tmp_path: Path) -> None:
    path = save_rows(tmp_path, some_rows())
    os.utime(path, (0, 0))
    assert atomic.sweep(tmp_path) == 1


def test_damaged_or_missing_rows_are_an_error(tmp_path: Path) -> None:
    path = save_rows(tmp_path, some_rows())
    path.write_bytes(path.read_bytes()[:100])
    for bad in (path, tmp_path / "none"):
        with pytest.raises(StoreError, match="tickerflow ingest"):
            load_rows(bad)

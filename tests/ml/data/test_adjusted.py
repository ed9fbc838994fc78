from pathlib import Path

import pandas as pd
import pytest

from ml.config import IngestConfig
from ml.data.adjusted import adjusted_closes
from ml.data.reading import read_raw
from ml.series import SeriesKey

KEY = SeriesKey.of("ORCL", "1d")
CONFIG = IngestConfig()


def closes(path: Path) -> pd.Series:
    reading = read_raw(path, KEY, CONFIG).reading
    return adjusted_closes([path], [reading], [None], KEY, CONFIG)


def write(path: Path, header: str, cells: str = "{0}.5,{0}.9,{0}.1,{0}.6,100,{1}") -> Path:
    lines = [f"2024-01-{day:02d}," + cells.format(100 + day, 50 + day) for day in range(2, 30)]
    path.write_text("\n".join([header, *lines]))
    return path


@pytest.mark.parametrize("name", ["Adj Close", "adj_close", "Adjusted Close", "Adj. Close"])
def test_the_adjusted_closes_beside_the_raw_ones_are_found(tmp_path: Path, name: str) -> None:
    found = closes(write(tmp_path / "ORCL_1d.csv", f"Date,Open,High,Low,Close,Volume,{name}"))
    assert len(found) == 28
    assert found[pd.Timestamp("2024-01-05", tz="UTC")] == 55.0


def test_a_file_without_such_a_column_has_none(tmp_path: Path) -> None:
    assert closes(write(tmp_path / "ORCL_1d.csv", "Date,Open,High,Low,Close,Volume,Trades")).empty


def test_an_empty_column_of_that_name_says_nothing(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ORCL_1d.csv",
        "Date,Open,High,Low,Close,Volume,Adj Close",
        "{0}.5,{0}.9,{0}.1,{0}.6,100,",
    )
    assert closes(path).dropna().empty

"""Bars from a caller are either normalised or refused with the place of what is wrong."""

import numpy as np
import pandas as pd
import pytest

from ml.errors import UsageError
from ml.inference.history import check_history


def frame(count: int = 5) -> pd.DataFrame:
    close = 100 + np.arange(count, dtype=np.float64)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=count, tz="UTC").as_unit("ns"),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 10.0,
        }
    )


def test_normalised_bars_come_back_unchanged_and_as_a_copy() -> None:
    given = frame()
    checked = check_history(given)
    pd.testing.assert_frame_equal(checked, given)
    checked.loc[0, "close"] = 7.0
    assert given["close"].iloc[0] == 100


def test_other_zones_units_dtypes_orders_and_columns_are_normalised() -> None:
    given = frame()
    loose = given.assign(
        timestamp=given["timestamp"].dt.tz_convert("America/New_York").dt.as_unit("us"),
        close=given["close"].astype("Int64"),
        sentiment="good",
    )
    loose = loose[loose.columns[::-1]].set_index(pd.Index(list("abcde")))
    pd.testing.assert_frame_equal(check_history(loose), given)


@pytest.mark.parametrize("volume", [None, [None] * 5, [np.nan] * 5])
def test_a_missing_volume_becomes_null(volume: list[float] | None) -> None:
    given = frame().drop(columns="volume")
    if volume is not None:
        given["volume"] = volume
    checked = check_history(given)
    assert checked["volume"].dtype == np.float64
    assert checked["volume"].isna().all()


@pytest.mark.parametrize(
    ("column", "row", "value", "expected"),
    [
        ("close", 2, np.nan, "missing value in row 2"),
        ("open", 4, np.inf, "missing value in row 4"),
        ("low", 1, 0.0, "non positive price in row 1"),
        ("high", 3, 50.0, "inconsistent ohlc in row 3"),
        ("volume", 0, -1.0, "negative volume in row 0"),
        ("timestamp", 2, pd.NaT, "none in row 2"),
        ("timestamp", 3, pd.Timestamp("2024-01-03", tz="UTC"), "in row 3 after 2024-01-03"),
        ("timestamp", 3, pd.Timestamp("2023-01-01", tz="UTC"), "2023-01-01 00:00:00+00:00 in row 3"),
    ],
)
def test_a_bad_bar_is_refused_with_its_row(
    column: str, row: int, value: float | pd.Timestamp, expected: str
) -> None:
    given = frame()
    given.loc[row, column] = value
    with pytest.raises(UsageError, match="expected a history of") as caught:
        check_history(given)
    assert expected in str(caught.value)
    assert "normalised bars" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f.drop(columns=["close", "low"]), "none named low, close"),
        (lambda f: f.set_index("timestamp"), "none named timestamp"),
        (lambda f: f.iloc[:0], "empty frame"),
        (lambda f: f.assign(timestamp=f["timestamp"].dt.tz_localize(None)), "time zone"),
        (lambda f: f.assign(timestamp=f["timestamp"].astype(str)), "time zone"),
        (lambda f: f.assign(close=f["close"].astype(str)), "numbers in the column close"),
        (lambda f: f.assign(close=True), "numbers in the column close"),
        (lambda f: f.assign(volume="1.2M"), "numbers in the column volume"),
        (lambda f: pd.concat([f, f["close"]], axis=1), "several named close"),
        (lambda f: f.to_dict(), "found dict"),
    ],
)
def test_what_is_no_frame_of_bars_is_refused(change: object, expected: str) -> None:
    assert callable(change)
    with pytest.raises(UsageError) as caught:
        check_history(change(frame()))
    assert expected in caught.value.message

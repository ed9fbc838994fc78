import numpy as np
import pandas as pd
import pytest

from ml.features.indicators import compute_features

FEATURES = ["day_of_week", "day_of_month", "month", "hour", "minute_of_day"]


def _at(*stamps: str) -> pd.DataFrame:
    index = pd.to_datetime(list(stamps), utc=True, format="ISO8601").as_unit("ns")
    return pd.DataFrame({"timestamp": index, "close": 1.0})


def _angle(bars: pd.DataFrame, feature: str) -> list[float]:
    """Position on the circle, 0 <= share < 1."""
    frame = compute_features(bars, [feature])
    turn = np.arctan2(frame[f"{feature}.sin"], frame[f"{feature}.cos"]) / (2 * np.pi)
    return [float(share) for share in turn.round(12) % 1]


def test_a_monday_is_at_the_start_of_the_week_and_a_sunday_at_its_end() -> None:
    bars = _at("2024-01-01", "2024-01-04", "2024-01-07T23:59:59", "1969-12-29")
    assert _angle(bars, "day_of_week") == pytest.approx([0, 3 / 7, 6 / 7, 0])


def test_any_pattern_of_the_week_is_linear_in_its_columns() -> None:
    week = _at(*(f"2024-01-0{day}" for day in range(1, 8)))
    columns = compute_features(week, ["day_of_week"]).to_numpy()
    with_constant = np.column_stack([np.ones(7), columns])
    assert np.linalg.matrix_rank(with_constant) == 7


def test_months_of_any_length_close_their_circle() -> None:
    bars = _at("2024-02-01", "2024-02-29", "2023-02-28", "2024-01-31")
    assert _angle(bars, "day_of_month") == pytest.approx([0, 28 / 29, 27 / 28, 30 / 31])


def test_december_stands_beside_january() -> None:
    assert _angle(_at("2024-01-31", "2024-07-01", "2024-12-31"), "month") == pytest.approx(
        [0, 0.5, 11 / 12]
    )


def test_hours_and_minutes_are_of_the_utc_day() -> None:
    bars = _at("2024-01-01T00:00", "2024-01-01T06:30", "2024-01-01T23:59:59", "2024-01-01T03:00+03:00")
    assert _angle(bars, "hour") == pytest.approx([0, 6 / 24, 23 / 24, 0])
    assert _angle(bars, "minute_of_day") == pytest.approx([0, 390 / 1440, 1439 / 1440, 0])


def test_a_frame_in_another_zone_or_unit_gives_the_same_values() -> None:
    utc = _at("2024-03-10T05:30", "2024-03-11T23:00")
    expected = compute_features(utc, FEATURES)
    local = utc.assign(timestamp=utc["timestamp"].dt.tz_convert("America/New_York"))
    coarse = utc.assign(timestamp=utc["timestamp"].dt.as_unit("us"))
    for bars in (local, coarse):
        pd.testing.assert_frame_equal(compute_features(bars, FEATURES), expected)


def test_sine_and_cosine_lie_on_the_unit_circle() -> None:
    frame = compute_features(_at("2024-05-17T13:45", "1950-02-28T01:02"), FEATURES)
    for feature in FEATURES:
        assert (frame[f"{feature}.sin"] ** 2 + frame[f"{feature}.cos"] ** 2).to_numpy() == pytest.approx(
            1
        )

from pathlib import Path

import pytest

from apps.up.noticed import Asked, look_at, read_record, write_record
from ml.config import Settings
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import ingest_series
from ml.errors import UnreadableFileError
from ml.series import SeriesKey
from tests.apps.http.serving import KEY, train
from tests.stored import quick_settings
from tests.synthetic import make_bars


def _drop(settings: Settings, key: SeriesKey, rows: int = 300) -> RawSeries:
    settings.raw_dir.mkdir(exist_ok=True)
    make_bars(rows).to_csv(settings.raw_dir / f"{key.stem}_vendor.csv", index=False)
    return next(raw for raw in discover(settings.raw_dir).series if raw.key == key)


def test_a_series_without_a_model_is_due_a_training(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    asked = look_at(_drop(settings, SeriesKey.of("AAPL", "1d")), settings, None)
    assert asked.job == "train"


def test_what_was_asked_for_is_not_due_again_until_its_content_changes(tmp_path: Path) -> None:
    settings, key = quick_settings(tmp_path), SeriesKey.of("AAPL", "1d")
    raw = _drop(settings, key)
    before = look_at(raw, settings, None).model_copy(update={"run": "a run", "ended": "COMPLETED"})
    raw.files[0].touch()
    assert look_at(raw, settings, before) is before
    after = look_at(_drop(settings, key, 310), settings, before)
    assert after.job == "train"
    assert after.run == "a run"  # so that the same content can be asked for again after another
    assert after.ended == ""


def test_new_bars_of_a_series_with_a_model_are_due_a_forecast(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    train(settings, 1)
    raw = _drop(settings, KEY)
    assert look_at(raw, settings, None).job == "forecast"
    assert ingest_series(raw, settings).status == "ok"
    assert look_at(raw, settings, None).job is None
    assert look_at(_drop(settings, KEY, 310), settings, None).job == "forecast"


def test_a_file_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path)
    folder = settings.raw_dir / "AAPL_1d.csv"
    folder.mkdir(parents=True)
    with pytest.raises(UnreadableFileError):
        look_at(RawSeries(SeriesKey.of("AAPL", "1d"), (folder,)), settings, None)


def test_the_record_is_read_as_it_was_written_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    asked = {"AAPL_1d": Asked(sources=(), job="train", run="r", attempt=1)}
    assert read_record(tmp_path) == {}
    write_record(tmp_path, asked)
    assert read_record(tmp_path) == asked
    (tmp_path / ".noticed.json").write_text('{"series"')
    assert read_record(tmp_path) == {}

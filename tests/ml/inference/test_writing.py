"""Forecast files: complete or as before, the same for the same bar, and honest about their model."""

import csv
import errno
import hashlib
import json
import os
import re
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.artifacts.store import ModelStore
from ml.config import RunConfig, Settings, WatchConfig
from ml.errors import ArtifactWriteError
from ml.inference.service import FORECAST_COLUMNS, ForecastService
from ml.inference.writing import forecast_series, to_csv, write_prediction
from ml.series import SeriesKey
from ml.summary import grade, sentence
from tests.ml.inference.worlds import AAPL, FEATURES, HORIZON, make_bars, promote, settings_in, write_raw

STEM = "AAPL_1d_20160324T000000Z"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def is_pair(folder: Path, stem: str = STEM) -> bool:
    """Whether CSV and picture are those that the JSON was written for."""
    document = json.loads((folder / f"{stem}.json").read_text())
    return all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        for name, digest in document["files"].items()
    )


def test_a_forecast_becomes_a_csv_a_json_and_a_picture(settings: Settings) -> None:
    outcome = forecast_series(AAPL, settings, 7)
    assert outcome.status == "ok"
    assert names_in(settings.predictions_dir) == [f"{STEM}.csv", f"{STEM}.json", f"{STEM}.png"]
    assert [outcome.csv_path, outcome.json_path, outcome.plot_path] == [
        str(settings.predictions_dir / f"{STEM}.{suffix}") for suffix in ("csv", "json", "png")
    ]
    assert Path(outcome.plot_path).read_bytes().startswith(b"\x89PNG")
    assert is_pair(settings.predictions_dir)
    assert outcome.steps == 7
    assert outcome.skill == 0.012
    assert outcome.asof == pd.Timestamp("2016-03-24", tz="UTC")
    assert outcome.last_close == pytest.approx(make_bars()["close"].iloc[-1])


def test_no_picture_is_drawn_where_the_settings_say_so_and_none_of_before_stays(
    settings: Settings,
) -> None:
    forecast_series(AAPL, settings, 7)
    without = settings.model_copy(update={"run": RunConfig(plots="never")})
    outcome = forecast_series(AAPL, without, 7)
    assert outcome.failure is None
    assert outcome.plot_path == ""
    assert names_in(settings.predictions_dir) == [f"{STEM}.csv", f"{STEM}.json"]
    assert list(json.loads(Path(outcome.json_path).read_text())["files"]) == [f"{STEM}.csv"]
    assert is_pair(settings.predictions_dir)


def test_the_json_says_what_is_proven_and_whether_the_model_is_expired(settings: Settings) -> None:
    meta = ModelStore(settings.models_dir).champion(AAPL).meta
    assert meta.decision is not None
    fresh = forecast_series(AAPL, settings, 7)
    document = json.loads(Path(fresh.json_path).read_text())
    assert document["expired"] == fresh.expired == ""
    assert document["proven"] is fresh.proven is meta.decision.proven
    assert document["decision"] == meta.decision.reason

    watched = settings.model_copy(update={"watch": WatchConfig(max_age_days=30)})
    old = forecast_series(AAPL, watched, 7)
    document = json.loads(Path(old.json_path).read_text())
    assert document["expired"] == old.expired
    assert re.fullmatch(r"expired: trained \d+ days ago, 30 are allowed", old.expired)
    assert grade(old) == "WARN"
    assert sentence(old).endswith(old.expired)
    assert Path(old.csv_path).read_bytes() == Path(fresh.csv_path).read_bytes()  # its contract stays


def test_a_pair_is_flushed_to_the_disk_three_times_its_folder_included(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = ForecastService.of(settings).predict(AAPL, 7)
    synced: list[int] = []
    sync = os.fsync

    def counting(descriptor: int) -> None:
        synced.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", counting)
    write_prediction(prediction, settings.predictions_dir, draw=False)
    assert len(synced) == 3


def test_the_csv_holds_the_services_forecast(settings: Settings) -> None:
    outcome = forecast_series(AAPL, settings, 12)
    with Path(outcome.csv_path).open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == FORECAST_COLUMNS
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[1]) for row in rows[1:])
    written = pd.read_csv(outcome.csv_path, parse_dates=["timestamp"])
    made = ForecastService.of(settings).forecast("AAPL", "1d", 12)
    assert (written["timestamp"] == made["timestamp"]).all()
    figures = [column for column in FORECAST_COLUMNS if column != "timestamp"]
    np.testing.assert_allclose(written[figures], made[figures], rtol=1e-9)
    assert outcome.forecast == pytest.approx(made["forecast"].iloc[-1])


@pytest.mark.parametrize("price", [1.23456789012e-8, 0.1 + 0.2, 159.54, 67_123.123456789, 1.5e12, 7.0])
def test_prices_keep_ten_digits_and_no_more(price: float) -> None:
    frame = pd.DataFrame(
        [[1, pd.Timestamp("2024-01-01", tz="UTC"), *[price] * 5]], columns=list(FORECAST_COLUMNS)
    )
    text = to_csv(frame).decode().splitlines()[1].split(",")[2]
    assert float(text) == pytest.approx(price, rel=1e-9)
    assert len(text.split("e")[0].replace(".", "").strip("0")) <= 10


def test_the_json_says_what_made_the_forecast_and_how_good_that_was(settings: Settings) -> None:
    outcome = forecast_series(AAPL, settings, 7)
    document: dict[str, Any] = json.loads(Path(outcome.json_path).read_text())
    assert document["format"] == 1
    assert (document["ticker"], document["interval"], document["steps"]) == ("AAPL", "1d", 7)
    assert document["asof"] == "2016-03-24T00:00:00Z"
    assert document["created_at"].endswith("Z")
    assert document["model"]["name"] == outcome.model == "lstm"
    assert document["model"]["version"] == outcome.version
    assert document["model"]["generation"] == 1
    assert document["model"]["features"] == list(FEATURES)
    assert document["model"]["horizon"] == HORIZON
    assert document["skill"] == 0.012
    assert document["coverage"] == {"80": 0.79, "95": 0.94, "windows": 40}
    assert document["baselines"]["naive"]["mae"] == 1.52
    assert document["calendar"] == "XNYS"
    assert document["bars"]["rows"] == 120
    assert len(document["bars"]["fingerprint"]) == 64


def test_forecasting_again_gives_the_same_bytes_and_no_new_names(settings: Settings) -> None:
    first = Path(forecast_series(AAPL, settings, 7).csv_path).read_bytes()
    names = names_in(settings.predictions_dir)
    assert Path(forecast_series(AAPL, settings, 7).csv_path).read_bytes() == first
    assert names_in(settings.predictions_dir) == names


def test_a_new_promotion_replaces_the_pair_of_the_same_bar(settings: Settings) -> None:
    first = forecast_series(AAPL, settings, 7)
    before = Path(first.csv_path).read_bytes()
    promote(settings, make_bars(), seed=2)
    second = forecast_series(AAPL, settings, 7)
    assert second.csv_path == first.csv_path
    assert second.version != first.version
    assert Path(second.csv_path).read_bytes() != before
    assert is_pair(settings.predictions_dir)


def test_new_raw_bars_are_ingested_first_and_older_forecasts_stay(settings: Settings) -> None:
    write_raw(settings, make_bars().iloc[:-1])
    forecast_series(AAPL, settings, 7)
    write_raw(settings, make_bars())
    forecast_series(AAPL, settings, 7)
    stems = {name.partition(".")[0] for name in names_in(settings.predictions_dir)}
    assert stems == {"AAPL_1d_20160323T000000Z", STEM}


@pytest.mark.parametrize(
    ("ticker", "stem"),
    [("BRK.B", "BRK.B_1d"), ("BTC/USD", "BTC%2FUSD_1d"), ("NA", "NA_1d"), ("CON", "CON_1d")],
)
def test_any_ticker_gets_files_of_its_own(tmp_path: Path, ticker: str, stem: str) -> None:
    settings, key = settings_in(tmp_path), SeriesKey.of(ticker, "1d")
    write_raw(settings, make_bars(), f"{key.stem}.csv")
    promote(settings, make_bars(), key)
    outcome = forecast_series(key, settings, 3)
    assert outcome.failure is None
    assert Path(outcome.csv_path).name == f"{stem}_20160324T000000Z.csv"
    assert json.loads(Path(outcome.json_path).read_text())["ticker"] == ticker


def test_a_series_that_cannot_be_forecast_is_an_outcome_and_writes_nothing(settings: Settings) -> None:
    unknown = forecast_series(SeriesKey.of("MSFT", "1d"), settings, 7)
    assert (unknown.status, unknown.failure and unknown.failure.code) == ("failed", "TF062")
    wrong = forecast_series(AAPL, settings, 501)
    assert wrong.failure is not None
    assert wrong.failure.code == "TF001"
    write_raw(settings, make_bars().assign(volume=np.nan))
    lacking = forecast_series(AAPL, settings, 7)
    assert lacking.failure is not None
    assert lacking.failure.code == "TF040"
    assert "'volume'" in lacking.failure.message
    assert not settings.predictions_dir.exists()


def test_a_folder_that_cannot_be_written_is_an_outcome(settings: Settings) -> None:
    settings.predictions_dir.write_text("a file where the folder should be")
    outcome = forecast_series(AAPL, settings, 7)
    assert outcome.failure is not None
    assert outcome.failure.code == "TF063"
    assert str(settings.predictions_dir) in outcome.failure.message


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_disk_that_fills_up_leaves_the_old_pair(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    forecast_series(AAPL, settings, 7)
    before = {path.name: path.read_bytes() for path in settings.predictions_dir.iterdir()}
    service = ForecastService.of(settings)
    promote(settings, make_bars(), seed=2)
    service.predict(AAPL, 7)  # what follows is about the files alone
    calls = 0
    sync = os.fsync

    def full_disk(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls >= fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_disk)
    outcome = forecast_series(AAPL, settings, 7, service)
    assert outcome.failure is not None
    assert "No space left" in outcome.failure.message
    assert {path.name: path.read_bytes() for path in settings.predictions_dir.iterdir()} == before


def in_child(act: Callable[[], object]) -> int:
    """Run in a forked process; return its exit status, 3 where it failed to write."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads that the child does not use
        child = os.fork()
    if child == 0:
        try:
            act()
        except ArtifactWriteError:
            os._exit(3)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_limit_on_file_sizes_leaves_the_old_pair(settings: Settings) -> None:
    forecast_series(AAPL, settings, 7)
    before = {path.name: path.read_bytes() for path in settings.predictions_dir.iterdir()}
    prediction = ForecastService.of(settings).predict(AAPL, 8)

    def write() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
        write_prediction(prediction, settings.predictions_dir)

    assert in_child(write) == 3
    assert {path.name: path.read_bytes() for path in settings.predictions_dir.iterdir()} == before


def test_writers_at_once_leave_a_pair_of_one_of_them(settings: Settings, tmp_path: Path) -> None:
    others = []
    for seed in (2, 3):
        other = settings_in(tmp_path / str(seed)).model_copy(
            update={"predictions_dir": settings.predictions_dir}
        )
        write_raw(other, make_bars())
        promote(other, make_bars(), seed=seed)
        others.append(other)
    worlds = [settings, *others] * 2
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda world: forecast_series(AAPL, world, 7), worlds))
    assert all(outcome.failure is None for outcome in outcomes)
    assert is_pair(settings.predictions_dir)
    assert names_in(settings.predictions_dir) == [f"{STEM}.csv", f"{STEM}.json", f"{STEM}.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_writer_that_is_killed_commits_nothing_and_the_next_run_completes_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    forecast_series(AAPL, settings, 7)
    document = settings.predictions_dir / f"{STEM}.json"
    before = document.read_bytes()
    prediction = ForecastService.of(settings).predict(AAPL, 8)
    replace, left = Path.replace, renames

    def dying(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return replace(path, target)

    def write() -> None:
        monkeypatch.setattr(Path, "replace", dying)
        write_prediction(prediction, settings.predictions_dir)

    assert in_child(write) == -signal.SIGKILL
    assert document.read_bytes() == before
    assert is_pair(settings.predictions_dir) == (renames == 0)  # a reader can tell
    assert forecast_series(AAPL, settings, 8).failure is None
    assert is_pair(settings.predictions_dir)

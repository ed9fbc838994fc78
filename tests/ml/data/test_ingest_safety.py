"""What one series, a full disk, a killed process or a bug may not do to the store."""

import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from ml.config import Settings
from ml.data import ingest, store
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.data.reading import RawTable, read_raw
from ml.series import encode_ticker
from tests.ml.data.raw_files import HEADER, only, put, rows, stored


def test_neighbours_of_a_bad_series_are_stored_to_the_byte_as_without_it(settings: Settings) -> None:
    for seed, name in enumerate(["AAPL_1d.csv", "MSFT_1d.csv"]):
        put(settings, name, rows(seed=seed))
    for series in discover(settings.raw_dir).series:
        assert ingest_series(series, settings).status == "ok"
    clean = {name: content for name, content in stored(settings).items() if name.endswith("parquet")}
    (settings.raw_dir / "BAD_1d.csv").write_bytes(b"\x00\xff" * 500)
    other = settings.model_copy(update={"store_dir": settings.store_dir.parent / "again"})
    found = [ingest_series(series, other).status for series in discover(settings.raw_dir).series]
    assert found == ["ok", "rejected", "ok"]
    assert {
        name: content for name, content in stored(other).items() if name.endswith("parquet")
    } == clean


def test_tickers_that_look_like_data_paths_or_patterns_keep_their_own_bars(settings: Settings) -> None:
    tickers = [
        "NA",
        "TRUE",
        "0700",
        "CON",
        "CON.X",
        "BRK.A",
        "BRK.B",
        "BTC/USD",
        "BTC-USD",
        "[A]",
        "A",
        "*",
    ]
    for seed, ticker in enumerate(tickers):
        put(settings, f"{encode_ticker(ticker)}_1d.csv", rows(seed=seed))
    found = discover(settings.raw_dir)
    assert {series.key.ticker for series in found.series} == set(tickers)
    for series in found.series:
        seed = tickers.index(series.key.ticker)
        outcome = ingest_series(series, settings)
        assert (outcome.status, outcome.ticker) == ("ok", series.key.ticker)
        first = float(rows(seed=seed)[0].split(",")[4])
        assert store.read_bars(settings.store_dir, series.key)["close"].iloc[0] == first


def test_a_symbol_column_that_reads_as_data_is_a_symbol(settings: Settings) -> None:
    for ticker in ("NA", "TRUE", "0700", "BTC/USD"):
        name = f"{encode_ticker(ticker)}_1d.csv"
        put(settings, name, [f"{line},{ticker}" for line in rows()], HEADER + ",Symbol")
        outcome = ingest_series(only(settings), settings)
        assert (outcome.status, outcome.rows, outcome.failure) == ("ok", 30, None)
        (settings.raw_dir / name).unlink()


def test_a_full_disk_rejects_the_series_and_leaves_what_was_stored(settings: Settings) -> None:
    path = put(settings, "AAPL_1d.csv", rows())
    ingest_series(only(settings), settings)
    before = stored(settings)
    path.write_text("\n".join([HEADER, *rows(3000, "1990-01-01")]))
    # The kernel refuses to write on, as on a full disk; in a child, for the limit stays.
    program = (
        "import resource, signal, sys, pathlib\n"
        "from ml.config import IngestConfig, Settings\n"
        "from ml.data.discovery import discover\n"
        "from ml.data.ingest import ingest_series, stage_series, validate_series\n"
        "raw_dir, store_dir = map(pathlib.Path, sys.argv[1:])\n"
        "config = IngestConfig(calendar='weekdays')\n"
        "settings = Settings(raw_dir=raw_dir, store_dir=store_dir, ingest=config)\n"
        "(raw,) = discover(settings.raw_dir).series\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384))\n"
        "in_two_steps = validate_series(stage_series(raw, settings), settings)\n"
        "for outcome in (ingest_series(raw, settings), in_two_steps):\n"
        "    print(outcome.status, outcome.failure.code, outcome.failure.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(settings.raw_dir), str(settings.store_dir)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("rejected TF030 free disk space") == 2, done.stderr
    assert stored(settings) == before
    assert not any((settings.store_dir / ".staging").glob("*"))


KILLED_INGEST = """
import os, pathlib, signal, sys
from ml.config import IngestConfig, Settings
from ml.data import store
from ml.data.discovery import discover
from ml.data.ingest import ingest_series

raw_dir, store_dir = map(pathlib.Path, sys.argv[1:])
config = IngestConfig(calendar='weekdays')
settings = Settings(raw_dir=raw_dir, store_dir=store_dir, ingest=config)
(raw,) = discover(settings.raw_dir).series

def in_a_child(act):
    child = os.fork()
    if child == 0:
        act()
        sys.stdout.flush()
        os._exit(0)
    return os.waitpid(child, 0)[1]

def dying(real, left=[0]):
    def call(*arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    return call, left

def look():
    outcome = store.read_outcome(settings.store_dir, raw.key)
    print(len(store.read_bars(settings.store_dir, raw.key)), outcome.rows if outcome else None)

pathlib.Path.replace, left = dying(pathlib.Path.replace)
os.fsync, left = dying(os.fsync, left)
for moment in range(1, 30):
    left[0] = moment
    status = in_a_child(lambda: ingest_series(raw, settings))
    in_a_child(look)
    if status == 0:
        break
"""


def test_killing_ingest_before_any_write_leaves_a_store_that_reads(settings: Settings) -> None:
    path = put(settings, "AAPL_1d.csv", rows())
    ingest_series(only(settings), settings)
    path.write_text("\n".join([HEADER, *rows(60)]))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_INGEST, str(settings.raw_dir), str(settings.store_dir)],
        capture_output=True,
        text=True,
        check=False,
    )
    seen = done.stdout.split("\n")[:-1]
    assert set(seen) == {"30 30", "60 None", "60 60"}, done.stderr
    assert seen[0] == "30 30"
    assert seen[-1] == "60 60"
    assert len(seen) >= 6


def test_a_bug_is_not_taken_for_bad_data(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(settings, "AAPL_1d.csv", rows())

    def broken(frame: pd.DataFrame) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ingest, "split_bars", broken)
    with pytest.raises(ZeroDivisionError):
        ingest_series(only(settings), settings)
    assert stored(settings) == {}


def test_a_file_that_changes_while_it_is_read_is_rejected(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(settings, "AAPL_1d.csv", rows())

    def downloading(*arguments: Any) -> RawTable:
        table = read_raw(*arguments)
        path.write_text(path.read_text() + rows(1, "2025-01-01")[0])
        return table

    monkeypatch.setattr(ingest, "read_raw", downloading)
    outcome = ingest_series(only(settings), settings)
    assert outcome.failure is not None
    assert "changed while it was read" in outcome.failure.message
    assert stored(settings) == {}

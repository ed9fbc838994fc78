import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.config import IngestConfig, Settings
from ml.data import ingest, store
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import ingest_series, stage_series, validate_series
from ml.data.reading import RawTable, read_raw
from ml.outcomes import IngestOutcome
from ml.series import SeriesKey, encode_ticker

HEADER = "Date,Open,High,Low,Close,Volume"
# Loading an exchange's calendar takes a while, and most tests do not need one.
CONFIG = IngestConfig(calendar="weekdays")
Ingest = Callable[[RawSeries, Settings], IngestOutcome]


def in_two_steps(raw: RawSeries, settings: Settings) -> IngestOutcome:
    return validate_series(stage_series(raw, settings), settings)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "raw").mkdir()
    return Settings(raw_dir=tmp_path / "raw", store_dir=tmp_path / "store", ingest=CONFIG)


def rows(n: int = 30, start: str = "2024-01-01", seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    days = pd.bdate_range(start, periods=n)
    return [
        f"{day:%Y-%m-%d},{c:.2f},{c + 1:.2f},{c - 1:.2f},{c:.2f},{1000 + i}"
        for i, (day, c) in enumerate(zip(days, close, strict=True))
    ]


def put(settings: Settings, name: str, lines: list[str], header: str = HEADER) -> Path:
    path = settings.raw_dir / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def only(settings: Settings) -> RawSeries:
    (raw,) = discover(settings.raw_dir).series
    return raw


def stored(settings: Settings) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted(settings.store_dir.glob("*")) if path.is_file()
    }


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


def raw(settings: Settings, content: bytes) -> RawSeries:
    (settings.raw_dir / "AAPL_1d.csv").write_bytes(content)
    return only(settings)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        bytes(range(256)) * 40,
        b"PK\x03\x04" + bytes(500),
        b"https://example.com/AAPL.csv\n",
        HEADER.encode() + b"\n",
        b"time,price,amount\n1315922016,5.8,1.0\n1315922024,5.83,3.0\n1315922029,5.9,1.0\n",
        HEADER.encode()
        + b"\n"
        + b"".join(b"2024-01-%02d,NaN,NaN,NaN,NaN,1\n" % d for d in range(2, 20)),
        HEADER.encode() + b"\n" + b"".join(b"yesterday %d,1,1,1,1,1\n" % d for d in range(2, 20)),
    ],
    ids=[
        "0 bytes",
        "blank",
        "binary",
        "zip",
        "url",
        "header only",
        "ticks",
        "nan only",
        "no timestamps",
    ],
)
@pytest.mark.parametrize("how", [ingest_series, in_two_steps])
def test_a_file_that_is_no_table_of_bars_rejects_its_series_with_a_reason(
    settings: Settings, content: bytes, how: Ingest
) -> None:
    outcome = how(raw(settings, content), settings)
    assert outcome.status == "rejected"
    assert outcome.failure is not None
    assert outcome.failure.code.startswith("TF0")
    assert "AAPL_1d.csv" in outcome.failure.where
    assert outcome.failure.message
    assert set(stored(settings)) <= {"AAPL_1d.quarantine.csv"}


def test_a_fifo_a_folder_and_a_dangling_link_are_rejected_at_once(settings: Settings) -> None:
    os.mkfifo(settings.raw_dir / "FIFO_1d.csv")
    (settings.raw_dir / "DIR_1d.csv").mkdir()
    (settings.raw_dir / "LOST_1d.csv").symlink_to("nowhere")
    for series in discover(settings.raw_dir).series:
        outcome = ingest_series(series, settings)
        assert outcome.failure is not None
        assert outcome.failure.code == "TF010"


def test_an_unreadable_file_is_rejected(settings: Settings) -> None:
    me = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # unlike tmp_path, in a place that others may enter
        Path(folder).chmod(0o755)
        settings = settings.model_copy(update={"raw_dir": Path(folder)})
        put(settings, "AAPL_1d.csv", rows()).chmod(0)
        if me == 0:  # root may read everything
            os.seteuid(65534)
        try:
            outcome = ingest_series(only(settings), settings)
        finally:
            os.seteuid(me)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.where) == ("TF010", "AAPL_1d.csv")
    assert "Permission denied" in outcome.failure.message


def test_one_bad_file_rejects_its_series_and_is_named(settings: Settings) -> None:
    put(settings, "AAPL_1d_a.csv", rows())
    (settings.raw_dir / "AAPL_1d_b.csv").write_bytes(b"")
    outcome = ingest_series(only(settings), settings)
    assert outcome.failure is not None
    assert outcome.failure.where == "AAPL_1d_b.csv"
    assert stored(settings) == {}


def test_a_bad_override_file_and_an_unknown_calendar_are_said(settings: Settings) -> None:
    put(settings, "AAPL_1d.csv", rows())
    unknown = settings.model_copy(update={"ingest": IngestConfig(calendar="XXXX")})
    outcome = ingest_series(only(settings), unknown)
    assert outcome.failure is not None
    assert outcome.failure.code == "TF023"
    (settings.raw_dir / "overrides.toml").write_text('["AAPL"]\ncolour = "red"\n')
    outcome = ingest_series(only(settings), settings)
    assert outcome.failure is not None
    assert outcome.failure.code == "TF014"
    assert stored(settings) == {}


def test_an_override_file_that_is_named_and_missing_is_said(settings: Settings) -> None:
    put(settings, "AAPL_1d.csv", rows())
    path = settings.raw_dir / "none.toml"
    named = settings.model_copy(update={"ingest": IngestConfig(overrides=path)})
    outcome = ingest_series(only(settings), named)
    assert outcome.failure is not None
    assert outcome.failure.code == "TF014"
    assert str(path) in outcome.failure.message
    assert stored(settings) == {}


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

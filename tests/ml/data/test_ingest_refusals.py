"""What rejects a series, and what is said of it."""

import os
import tempfile
from pathlib import Path

import pytest

from ml.config import IngestConfig, Settings
from ml.data.discovery import RawSeries, discover
from ml.data.ingest import ingest_series
from tests.ml.data.raw_files import HEADER, Ingest, in_two_steps, only, put, rows, stored


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

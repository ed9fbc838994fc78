"""A universe run that is killed in the middle, and started again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import get_current_settings

from ml.artifacts.store import ModelStore
from tests.apps.conftest import House
from tests.universe import quick_options, write_series

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_server")]

ROOT = Path(__file__).resolve().parents[2]
TICKERS = [f"T{number}" for number in range(6)]
_DAY_AND_A_BIT = 90_000


def command(house: House, report: Path, *more: str) -> list[str]:
    options = [*quick_options(), "--epochs", "100", "--patience", "100", "--workers", "1", *more]
    return [
        *(sys.executable, "-m", "apps.cli", "train", *house.options, *options),
        *("--runner", "threads", "--report", str(report)),
    ]


def environment(house: House) -> dict[str, str]:
    """With the server of the tests: one that a run starts for itself outlives a run that is killed."""
    url = get_current_settings().api.url
    assert url is not None
    return {**os.environ, "PREFECT_HOME": str(house.root / "prefect"), "PREFECT_API_URL": url}


def run(house: House, *more: str) -> dict[str, dict[str, Any]]:
    """A run to its end; its report by ticker."""
    report = house.root / "report.json"
    done = subprocess.run(
        command(house, report, *more),
        cwd=ROOT,
        env=environment(house),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return {row["ticker"]: row for row in json.loads(report.read_text(encoding="utf-8"))["series"]}


def kill_after_two(house: House) -> None:
    process = subprocess.Popen(
        command(house, house.root / "never.json"),
        cwd=ROOT,
        env=environment(house),
        text=True,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"2 of {len(TICKERS)} "):
                break
        else:
            pytest.fail("no second series was finished")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        if process.stderr is not None:
            process.stderr.close()


def test_a_killed_run_that_is_started_again_does_only_what_is_left(house: House) -> None:
    for ticker in TICKERS:
        write_series(house.raw, ticker)
    kill_after_two(house)
    models = house.root / "models"
    before = {key.ticker: ModelStore(models).champion(key).meta for key in ModelStore(models).series()}
    assert 2 <= len(before) < len(TICKERS)
    # As a challenger that the killed run left, a day later.
    left = models / ".staging" / "T5_1d" / "20200101T000000Z-00000000"
    left.mkdir(parents=True)
    (left / "half.pth").write_bytes(b"half")
    old = left.stat().st_mtime - _DAY_AND_A_BIT
    os.utime(left, (old, old))

    rows = run(house)
    trained = {ticker for ticker, row in rows.items() if not row["skipped"]}
    assert trained == set(TICKERS) - set(before)
    for ticker, meta in before.items():
        assert rows[ticker]["version"] == meta.version
    versions = {
        ticker: [path.name for path in (models / "versions" / f"{ticker}_1d").iterdir()]
        + [path.name for path in (models / "rejected" / f"{ticker}_1d").glob("*")]
        for ticker in before
    }
    assert all(len(names) <= 2 for names in versions.values()), versions  # winner, or loser and baseline
    assert not left.exists()
    assert all(row["skipped"] for row in run(house).values())


def test_a_refit_is_done_once_and_not_again_on_the_same_bars(house: House) -> None:
    for ticker in TICKERS[:2]:
        write_series(house.raw, ticker)
    run(house, "--force")  # so that there is something to fit again
    first = run(house, "--mode", "refit")
    assert not any(row["skipped"] for row in first.values())
    again = run(house, "--mode", "refit")
    assert all(row["skipped"] for row in again.values())
    assert {t: row["version"] for t, row in again.items()} == {
        t: row["version"] for t, row in first.items()
    }

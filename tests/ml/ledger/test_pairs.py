import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.errors import LedgerError
from ml.ledger.pairs import find_pairs, find_series, read_pair
from ml.ledger.record import live_record
from ml.series import SeriesKey
from tests.ml.ledger.worlds import AAPL, days, files_of, score, settings_in, write_pair

Damage = Callable[[Path], None]


def changed(**fields: object) -> Damage:
    """Rewrite some fields of the JSON."""

    def damage(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))

    return damage


def table(text: str, instead: str) -> Damage:
    """Rewrite the CSV, and the sha256 that the JSON has of it."""

    def damage(path: Path) -> None:
        import hashlib

        csv = path.with_suffix(".csv")
        assert text in csv.read_text()
        csv.write_text(csv.read_text().replace(text, instead, 1))
        changed(files={csv.name: hashlib.sha256(csv.read_bytes()).hexdigest()})(path)

    return damage


def flip(path: Path) -> None:
    csv = path.with_suffix(".csv")
    csv.write_text(csv.read_text().replace("1", "2"))


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def no_table(path: Path) -> None:
    path.with_suffix(".csv").unlink()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (flip, "sha256"),
        (no_table, "is not there"),
        (link, "cannot be read"),
        (pipe, "regular file"),
        (lambda path: path.write_text("{"), "JSON"),
        (lambda path: path.write_text("[" * 100_000), "JSON"),
        (lambda path: path.write_bytes(b" " * (5 * 2**20)), "at most"),
        (changed(format=2), "format"),
        (changed(ticker="MSFT"), "expected AAPL 1d, found MSFT 1d"),
        (changed(asof="2019-01-01T00:00:00Z"), "as-of bar of its name"),
        (changed(last_close=-1.0), "last_close"),
        (changed(created_at="yesterday"), "created_at"),
        (changed(steps=7), "expected 7 steps, found 3"),
        (changed(model={"name": "lstm", "version": "../../etc", "horizon": 3}), "model.version"),
        (table("step,", "steps,"), "columns"),
        (table("\n2,", "\n3,"), "steps from 1 on"),
        (table("00Z", "00+01:00"), "UTC"),
        (table("2020-01-22", "2020-01-10"), "ascending"),
        (table("2020-01-22", "99999-01-10"), "isoformat"),
        (
            table(
                ".",
                "nan.",
            ),
            "could not convert",
        ),
    ],
)
def test_a_damaged_pair_is_named_and_takes_nothing_with_it(
    tmp_path: Path, damage: Damage, found: str
) -> None:
    settings, bars = settings_in(tmp_path), days()
    damage(write_pair(settings, bars, 20))
    write_pair(settings, bars, 30)
    outcome = score(settings, bars)
    assert outcome.steps == 3
    (problem,) = outcome.problems
    assert "TF070" in problem
    assert found in problem
    assert score(settings, bars).problems == outcome.problems  # told again
    # Mended, or written again, it counts.
    (settings.predictions_dir / "AAPL_1d_20200121T000000Z.json").unlink()
    write_pair(settings, bars, 20)
    mended = score(settings, bars)
    assert (mended.problems, mended.forecasts) == ((), 2)


def test_a_pair_whose_csv_comes_after_its_json_counts_once_it_is_there(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    path = write_pair(settings, bars, 20)
    content = path.with_suffix(".csv").read_bytes()
    no_table(path)
    assert len(score(settings, bars).problems) == 1
    path.with_suffix(".csv").write_bytes(content)  # a copy that was under way; the JSON is as it was
    outcome = score(settings, bars)
    assert (outcome.problems, outcome.steps) == ((), 3)


def test_names_that_are_no_pairs_are_passed_over(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20, key=SeriesKey.of("BRK.B", "1d"))
    for name in (
        "notes.json",
        "AAPL_1d.json",
        "AAPL_9z_20200121T000000Z.json",
        "_20201321T000000Z.json",
    ):
        (tmp_path / "predictions" / name).write_text("{}")
    (tmp_path / "predictions" / "AAPL_1d_20201341T000000Z.json").write_text("{}")
    folder, found = tmp_path / "predictions", find_pairs(tmp_path / "predictions")
    assert list(found) == [SeriesKey.of("BRK.B", "1d")]
    assert find_pairs(folder, [SeriesKey.of("BRK.B", "1d"), AAPL]) == found
    assert find_pairs(folder, [SeriesKey.of("B", "1d"), AAPL]) == {}
    assert find_series(folder) == set(found)
    assert find_pairs(tmp_path / "nowhere") == {}


def test_a_pair_reads_as_it_was_written(tmp_path: Path) -> None:
    settings, bars = settings_in(tmp_path), days()
    write_pair(settings, bars, 20, factor=(1.0, 1.1, 1.2))
    (file,) = files_of(settings)
    pair = read_pair(settings.predictions_dir, file)
    close = bars["close"].iloc[20]
    assert pair.key == AAPL
    assert pair.last_close == close
    assert pair.prices[:, 0].tolist() == pytest.approx([close, 1.1 * close, 1.2 * close])
    assert [pair.asof, *pair.due.tolist()] == [
        int(stamp.timestamp()) for stamp in bars["timestamp"].iloc[20:24]
    ]
    (settings.predictions_dir / file.name).unlink()
    with pytest.raises(LedgerError, match="is not there"):
        read_pair(settings.predictions_dir, file)
    assert live_record(settings.predictions_dir, AAPL).empty

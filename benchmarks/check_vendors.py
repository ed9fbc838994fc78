"""Ingest a folder of vendors' CSVs and compare what comes out with what is expected.

    python -m benchmarks.check_vendors FOLDER [--expected FILE] [--only TEXT]

The expected file is a JSON list with an entry for each file: file, ticker, interval, status (``ok``,
``reject`` or ``accept_filtered``: both are right) and, where it is ``ok``, any of rows, first, last,
middle, close_sum, volume_sum, volume_nulls, has_volume, quarantined, quarantined_timestamps,
exact_duplicates_collapsed, suspect and suspect_ok. ``not_strict`` names what may differ, ``also_ok``
what else is right. The exit status is 1 where a file does not come out as expected.
"""

import argparse
import csv
import json
import math
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ml.config import IngestConfig, Settings
from ml.data.discovery import discover
from ml.data.ingest import ingest_series
from ml.data.store import read_bars
from ml.outcomes import IngestOutcome
from ml.series import encode_ticker

Entry = dict[str, Any]
Differences = dict[str, str]

FIELDS = ("open", "high", "low", "close", "volume")
RELATIVE = 1e-9


@dataclass(frozen=True)
class Verdict:
    """How one file came out; ``allowed`` differences are those that the entry calls not strict."""

    entry: Entry
    outcome: IngestOutcome
    differences: Differences
    allowed: Differences

    @property
    def passed(self) -> bool:
        """Whether nothing differs that must not."""
        return not self.differences


def check_file(number: int, entry: Entry, folder: Path) -> Verdict:
    """Ingest one file alone, into a store of its own, and compare."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(
            raw_dir=Path(scratch, "raw"), store_dir=Path(scratch, "store"), ingest=IngestConfig()
        )
        settings.raw_dir.mkdir()
        name = f"{encode_ticker(entry['ticker'])}_{entry['interval']}_{number}.csv"
        shutil.copyfile(folder / entry["file"], settings.raw_dir / name)
        (raw,) = discover(settings.raw_dir).series
        outcome = ingest_series(raw, settings)
        differences = _compare(entry, outcome, settings)
    loose = set(entry.get("not_strict", ()))
    allowed = {name: text for name, text in differences.items() if loose & {name, *name.split(".")}}
    strict = {name: text for name, text in differences.items() if name not in allowed}
    return Verdict(entry, outcome, strict, allowed)


def _compare(entry: Entry, outcome: IngestOutcome, settings: Settings) -> Differences:
    written = (
        sorted(path.name for path in settings.store_dir.rglob("*"))
        if outcome.status == "rejected"
        else []
    )
    if written:
        return {"written": f"rejected, and yet {', '.join(written)}"}
    may_reject = entry["status"] in ("reject", "accept_filtered") or "reject" in entry.get("also_ok", ())
    if outcome.status == "rejected":
        return {} if may_reject else {"status": f"rejected: {outcome.failure}"}
    if entry["status"] == "reject":
        return {
            "status": f"accepted, {outcome.rows} rows; must be rejected: {entry.get('reject_reason')}"
        }
    bars = read_bars(settings.store_dir, outcome.key)
    return {
        **_compare_bars(entry, bars),
        **_compare_account(entry, outcome),
        **_compare_quarantine(entry, outcome),
        **_compare_suspects(entry, outcome),
    }


def _compare_bars(entry: Entry, bars: pd.DataFrame) -> Differences:
    volume = bars["volume"]
    found: Entry = {
        "rows": len(bars),
        "close_sum": float(bars["close"].sum()),
        "volume_sum": float(volume.sum()) if volume.notna().any() else None,
        "volume_nulls": int(volume.isna().sum()),
    }
    differences = {
        name: f"{value!r}, expected {entry[name]!r}"
        for name, value in found.items()
        if name in entry and not _equal(value, entry[name])
    }
    ends = {"first": bars.iloc[0], "last": bars.iloc[-1]}
    for name in ("first", "middle", "last"):
        expected = entry.get(name)
        if not expected:
            continue
        stamp = pd.Timestamp(expected["timestamp"])
        at = bars[bars["timestamp"] == stamp]
        if at.empty or (name in ends and ends[name]["timestamp"] != stamp):
            where = ends[name]["timestamp"] if name in ends else "missing"
            differences[name] = f"{where}, expected {expected['timestamp']}"
            continue
        for field in FIELDS:
            value = at[field].iloc[0]
            if field in expected and not _equal(
                None if pd.isna(value) else float(value), expected[field]
            ):
                differences[f"{name}.{field}"] = f"{value!r}, expected {expected[field]!r}"
    return differences


def _compare_account(entry: Entry, outcome: IngestOutcome) -> Differences:
    found = {
        "has_volume": outcome.has_volume,
        "quarantined": outcome.quarantined,
        "exact_duplicates_collapsed": outcome.duplicates_collapsed,
    }
    return {
        name: f"{value!r}, expected {entry[name]!r}"
        for name, value in found.items()
        if entry.get(name) is not None and value != entry[name]
    }


def _compare_quarantine(entry: Entry, outcome: IngestOutcome) -> Differences:
    expected = entry.get("quarantined_timestamps")
    if not expected:
        return {}
    found: dict[str, list[str]] = {}
    if outcome.quarantine_path:
        with Path(outcome.quarantine_path).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["reason"], []).append(row["timestamp"])
    return {
        f"quarantined_timestamps.{reason}": _set_difference(set(found.get(reason, ())), set(stamps))
        for reason, stamps in expected.items()
        if sorted(found.get(reason, ())) != sorted(stamps)
    }


def _compare_suspects(entry: Entry, outcome: IngestOutcome) -> Differences:
    if "suspect" not in entry:
        return {}
    found = {f"{stamp:%Y-%m-%dT%H:%M:%SZ}" for stamp in outcome.suspect}
    must, may = set(entry["suspect"]), set(entry.get("suspect_ok", ()))
    differences = {}
    if must - found:
        differences["suspect"] = f"not found: {_some(must - found)}"
    if found - must - may:
        differences["suspect_wrong"] = f"wrongly flagged: {_some(found - must - may)}"
    return differences


def _set_difference(found: set[str], expected: set[str]) -> str:
    return f"too many: {_some(found - expected)}; missing: {_some(expected - found)}"


def _some(stamps: set[str]) -> str:
    shown = sorted(stamps)[:4]
    return f"{', '.join(shown) or 'none'}{f' and {len(stamps) - 4} more' if len(stamps) > 4 else ''}"


def _equal(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=0)


def report(verdicts: list[Verdict]) -> None:
    """Print a line for each file, with its differences, and a summary by difficulty."""
    width = max(len(verdict.entry["file"]) for verdict in verdicts)
    for verdict in verdicts:
        entry, outcome = verdict.entry, verdict.outcome
        mark = "PASS" if verdict.passed else "FAIL"
        print(
            f"{mark}  {entry['file']:{width}}  {entry.get('difficulty', ''):9}  {outcome.status:8}  "
            f"{outcome.rows:7} rows  {outcome.calendar:8}  {outcome.seconds * 1000:6.0f} ms"
        )
        for name, text in verdict.differences.items():
            print(f"      {name}: {text}")
        for name, text in verdict.allowed.items():
            print(f"      ({name}: {text}; may differ)")
        if outcome.failure and verdict.passed:
            print(f"      {outcome.failure}")
    print()
    totals = Counter(verdict.entry.get("difficulty", "") for verdict in verdicts)
    passed = Counter(verdict.entry.get("difficulty", "") for verdict in verdicts if verdict.passed)
    for difficulty, total in sorted(totals.items()):
        print(f"{difficulty or 'all':9}  {passed[difficulty]} of {total} as expected")
    print(f"Done. PASS={passed.total()} FAIL={totals.total() - passed.total()} TOTAL={totals.total()}")


def main(arguments: list[str] | None = None) -> int:
    """Check every file that the expected file names, and return the exit status."""
    parser = argparse.ArgumentParser(
        description="Compare the ingest of vendors' CSVs with what is expected"
    )
    parser.add_argument("folder", type=Path, help="folder of raw files, of any name")
    parser.add_argument("--expected", type=Path, help="by default expected.json in the folder")
    parser.add_argument("--only", default="", help="check only files whose name holds this text")
    options = parser.parse_args(arguments)
    expected = options.expected or options.folder / "expected.json"
    entries = json.loads(expected.read_text(encoding="utf-8"))
    chosen = [(n, entry) for n, entry in enumerate(entries) if options.only in entry["file"]]
    if not chosen:
        parser.error(f"no file in {expected} has {options.only!r} in its name")
    verdicts = [check_file(number, entry, options.folder) for number, entry in chosen]
    report(verdicts)
    return 0 if all(verdict.passed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

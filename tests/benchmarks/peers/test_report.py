"""What a run leaves behind can be read by people and programs."""

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.peers.plot import draw
from benchmarks.peers.report import Results, markdown, print_table, write_files
from benchmarks.peers.score import Row, judged_row
from tests.benchmarks.peers.worlds import make_account


@pytest.fixture
def results() -> Results:
    ours, theirs = make_account("A", "B", fit=0.5), make_account("A", "B", fit=50.0)
    rng = np.random.default_rng(0)
    our_skill, their_skill = rng.normal(0.02, 0.01, (2, 10)), rng.normal(-0.5, 0.1, (2, 10))
    rows = [
        judged_row("tickerflow", "Tickerflow", our_skill, ours, (our_skill, ours), seed=7),
        judged_row("x", "Peer", their_skill, theirs, (our_skill, ours), seed=7),
        Row("tickerflow-workers", "Command", None, seconds=3.0, ratio=5.0, note="with its start"),
    ]
    return Results({"date": "2026-01-01"}, rows, {"y": "exit status 1"})


def test_markdown_has_a_line_for_each_contender_and_says_who_failed(results: Results) -> None:
    text = markdown(results)
    assert "| Peer | 55.00 | 100x | 55.00 | 100x | 500 |" in text
    assert "| Command | 3.00 | 5.0x |" in text
    assert "- Command: with its start" in text
    assert "Where Tickerflow is behind:\n\n- nowhere" in text
    assert "- failed: y: exit status 1" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert sum("Tickerflow " in row.partition("|")[2] for row in rows) == 2


def test_json_and_csv_hold_the_same_figures(results: Results, tmp_path: Path) -> None:
    write_files(results, tmp_path, {"tickerflow": {"A": [0.1] * 10}})
    record = json.loads((tmp_path / "results.json").read_text())
    with (tmp_path / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["key"] for row in record["rows"]] == [row["key"] for row in table]
    peer, flat = record["rows"][1], table[1]
    assert float(flat["skill_mean_5"]) == peer["skill_mean"]["5"]
    assert float(flat["ahead_low_10"]) == peer["difference"]["10"]["low"]
    assert flat["skill_mean_1"] != table[0]["skill_mean_1"]
    assert table[2]["skill_mean_1"] == ""
    assert record["failed"] == {"y": "exit status 1"}


def test_the_table_on_the_terminal_names_every_contender(results: Results) -> None:
    out = StringIO()
    print_table(results, Console(file=out, width=150))
    text = out.getvalue()
    for wanted in ("Tickerflow", "Peer", "Command", "100x", "failed y", "behind nowhere"):
        assert wanted in text


def test_the_plot_is_a_png(results: Results, tmp_path: Path) -> None:
    draw(results.rows, tmp_path / "plot.png", "two series")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")

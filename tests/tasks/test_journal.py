from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml.outcomes import ForecastOutcome
from tasks.journal import Journal, JournalReader, Stopped


def test_a_reader_gets_each_line_once_in_the_order_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    reader = JournalReader(journal.path)
    assert reader.new() == []
    journal.append("training", ticker="AAPL")
    journal.append("training", ticker="MSFT")
    assert [line["ticker"] for line in reader.new()] == ["AAPL", "MSFT"]
    journal.append("training", ticker="XOM")
    assert [line["ticker"] for line in reader.new()] == ["XOM"]


def test_a_reader_leaves_an_incomplete_line_for_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    reader = JournalReader(path)
    path.write_text('{"event":"a"}\n{"eve', encoding="utf-8")
    assert reader.new() == [{"event": "a"}]
    with path.open("a", encoding="utf-8") as file:
        file.write('nt":"b"}\n')
    assert reader.new() == [{"event": "b"}]


def test_lines_of_many_writers_do_not_mix(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: journal.append("x", number=number, text="y" * 3000), range(400)))
    lines = JournalReader(journal.path).new()
    assert sorted(line["number"] for line in lines) == list(range(400))


def test_an_outcome_comes_back_as_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    outcome = ForecastOutcome(ticker="BTC/USD", interval="1h", status="ok", steps=3, forecast=1.5)
    journal.finished(outcome)
    (line,) = JournalReader(journal.path).new()
    assert ForecastOutcome.model_validate(line["outcome"]) == outcome


def test_check_raises_only_after_stop(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.check()
    journal.stop()
    with pytest.raises(Stopped):
        journal.check()

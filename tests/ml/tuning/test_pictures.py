"""The pictures of a study are PNG files that show it."""

from pathlib import Path

from ml.tuning.pictures import draw_study, history_plot
from ml.tuning.search import Found, Tried

PNG = b"\x89PNG\r\n"


def study(values: list[float], importance: dict[str, float]) -> Found:
    tried = [
        Tried(number, "pruned" if number in (2, 5) else "complete", {"dropout": 0.1}, value, 1.0)
        for number, value in enumerate(values)
    ]
    return Found("f" * 16, (*tried, Tried(len(values), "failed", {}, None, 0.0, "TF021")), 0, importance)


def test_history_and_importance_are_written_beside_the_journal(tmp_path: Path) -> None:
    found = study([0.99, 1.01, 1.02, 0.98, 7.0, 1.1], {"dropout": 0.7, "seq_len": 0.3})
    paths = [Path(path) for path in draw_study(tmp_path, "AAPL 1d", found)]
    assert [path.name for path in paths] == [
        "ffffffffffffffff.history.png",
        "ffffffffffffffff.importance.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in paths)


def test_of_few_trials_there_is_no_importance(tmp_path: Path) -> None:
    assert len(draw_study(tmp_path, "AAPL 1d", study([1.0, 1.0], {}))) == 1


def test_a_better_trial_changes_the_picture() -> None:
    assert history_plot("A", study([1.0, 1.1], {})) != history_plot("A", study([1.0, 0.9], {}))

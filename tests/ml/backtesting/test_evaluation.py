"""Whole evaluations of stored series: what is compared, what is kept, what is done again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.backtesting.contenders import contenders
from ml.backtesting.evaluation import evaluate_together
from ml.backtesting.figures import SeriesFigures
from ml.backtesting.store import EvaluationStore
from ml.config import Settings
from ml.errors import FeatureError, ModelError, StudyError, UsageError
from ml.outcomes import EvaluateOutcome
from ml.series import SeriesKey
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars, with_close

AAA, BBB = SeriesKey.of("AAA", "1d"), SeriesKey.of("BBB", "1d")
PLAN = {
    "models": ("lstm", "gru", "naive", "drift"),
    "feature_sets": {"close": ("close",), "two": ("close", "rsi_5")},
    "folds": 2,
}


def planned(folder: Path, **plan: Any) -> Settings:
    train = {"warm_up": 4, "hidden_size": 4, "seq_len": 8}
    return quick_settings(
        folder, train=train, evaluate={"output": folder / "evaluation", **PLAN, **plan}
    )


def evaluated(settings: Settings, *keys: SeriesKey) -> list[EvaluateOutcome]:
    found = []
    for key, outcome in evaluate_together(keys, settings):
        assert isinstance(outcome, EvaluateOutcome), outcome
        assert outcome.key == key
        found.append(outcome)
    return found


def figures(settings: Settings, key: SeriesKey) -> SeriesFigures:
    (found,) = EvaluationStore(settings.evaluate.output).read_series([key])
    return found


class Killed(BaseException):
    pass


def test_every_contender_is_judged_on_the_same_windows_of_every_series(tmp_path: Path) -> None:
    settings = planned(tmp_path)
    for key, seed in ((AAA, 1), (BBB, 2)):
        store_bars(settings, key, make_bars(400, seed=seed))
    for outcome in evaluated(settings, AAA, BBB):
        assert (outcome.status, outcome.contenders, outcome.fits) == ("ok", 6, 12)
        account = figures(settings, outcome.key)
        assert account.windows == outcome.windows == 76  # 80 test bars, less the last outcomes
        assert [each.contender for each in account.contenders] == [
            "lstm-close",
            "lstm-two",
            "gru-close",
            "gru-two",
            "naive",
            "drift",
        ]
        for each in account.contenders:
            assert each.verdict.windows == 76
            assert len(each.skill_by_step) == len(account.walk_by_step) == 4
        naive = account.contenders[4]
        np.testing.assert_allclose(naive.mae_by_step, account.walk_by_step)
        assert naive.skill == pytest.approx(0.0)
        assert outcome.best == max(account.contenders, key=lambda each: each.skill).contender


def test_what_a_killed_run_has_done_is_not_done_again(tmp_path: Path) -> None:
    settings = planned(tmp_path)
    store_bars(settings, AAA, make_bars(400, seed=1))
    asked = 0

    def killer() -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            raise Killed

    with pytest.raises(Killed):
        list(evaluate_together([AAA], settings, killer))
    kept = {path: path.stat().st_mtime_ns for path in settings.evaluate.output.rglob("*.npz")}
    assert 0 < len(kept) < 12
    (outcome,) = evaluated(settings, AAA)
    assert (outcome.kept, outcome.fits) == (len(kept), 12)
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())

    # As if it had never been killed.
    whole = planned(tmp_path, output=tmp_path / "another")
    evaluated(whole, AAA)
    assert _timeless(figures(settings, AAA)) == _timeless(figures(whole, AAA))


def _timeless(account: SeriesFigures) -> dict[str, Any]:
    return account.model_dump(exclude={"contenders": {"__all__": {"seconds"}}})


def test_changed_bars_or_configurations_are_done_again_and_damaged_results_too(tmp_path: Path) -> None:
    settings = planned(tmp_path, models=("naive", "lstm"), feature_sets={"close": ("close",)})
    bars = make_bars(400, seed=1)
    store_bars(settings, AAA, bars)
    assert evaluated(settings, AAA)[0].kept == 0
    assert evaluated(settings, AAA)[0].kept == 4

    close = bars["close"].to_numpy().copy()
    close[-1] *= 1.001
    store_bars(settings, AAA, with_close(bars, close))
    assert evaluated(settings, AAA)[0].kept == 0

    longer = settings.train.model_copy(update={"epochs": 3})
    assert evaluated(settings.model_copy(update={"train": longer}), AAA)[0].kept == 0
    # How fast it is has no effect on what it learns.
    slower = longer.model_copy(update={"deadline_seconds": 99.0})
    assert evaluated(settings.model_copy(update={"train": slower}), AAA)[0].kept == 4

    damaged = next(settings.evaluate.output.rglob("lstm-close/*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert evaluated(settings.model_copy(update={"train": longer}), AAA)[0].kept == 3


def test_the_newest_bars_count_where_a_number_is_given(tmp_path: Path) -> None:
    settings = planned(tmp_path, models=("naive",), max_bars=300)
    bars = make_bars(500, seed=1)
    store_bars(settings, AAA, bars)
    evaluated(settings, AAA)
    account = figures(settings, AAA)
    assert (account.bars, account.windows) == (300, 56)
    assert account.last == bars["timestamp"].iloc[-1]


def test_a_series_or_a_contender_that_fails_takes_no_other_along(tmp_path: Path) -> None:
    settings = planned(
        tmp_path, models=("naive", "gru"), feature_sets={"close": ("close",), "slow": ("sma_200",)}
    )
    store_bars(settings, AAA, make_bars(60, seed=1))
    store_bars(settings, BBB, make_bars(400, seed=2))
    outcomes = {outcome.key: outcome for outcome in evaluated(settings, AAA, BBB)}
    short = outcomes[AAA].failure
    assert short is not None
    assert short.code == "TF021"
    assert outcomes[BBB].status == "ok"
    assert set(outcomes[BBB].failures) == {"gru-slow"}
    assert [each.contender for each in figures(settings, BBB).contenders] == ["naive", "gru-close"]


def test_the_verdict_is_on_the_horizon_that_ranks_and_skill_are_on(tmp_path: Path) -> None:
    settings = planned(tmp_path, models=("drift",))
    promote = settings.promote.model_copy(update={"over": (1,)})
    settings = settings.model_copy(update={"promote": promote})
    store_bars(settings, AAA, make_bars(400, seed=1))
    evaluated(settings, AAA)
    (drift,) = figures(settings, AAA).contenders
    assert drift.verdict.over == ()
    assert drift.verdict.skill == pytest.approx(drift.skill)


def test_a_folder_of_something_else_or_of_another_layout_is_left_alone(tmp_path: Path) -> None:
    settings = planned(tmp_path)
    folder = settings.evaluate.output
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match="among other files"):
        evaluate_together([AAA], settings)
    (folder / "evaluation.json").write_text('{"layout": 99}', encoding="utf-8")
    with pytest.raises(StudyError, match="layout 99"):
        evaluate_together([AAA], settings)
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.json", "thesis.txt"]


def test_a_roster_names_only_what_there_is(tmp_path: Path) -> None:
    def roster(**plan: Any) -> list[str]:
        settings = planned(tmp_path, **plan)
        return [each.name for each in contenders(settings.evaluate, settings.train)]

    assert roster(models=("lstm", "naive")) == ["lstm-close", "lstm-two", "naive"]
    assert {"gru-two", "cnn_lstm-close", "drift"} <= set(roster(models=()))
    with pytest.raises(ModelError, match="oracle"):
        roster(models=("oracle",))
    with pytest.raises(ModelError, match="once"):
        roster(models=("lstm", "lstm"))
    with pytest.raises(FeatureError, match="moonphase"):
        roster(feature_sets={"moon": ("moonphase",)})
    with pytest.raises(UsageError, match=r"\.\./up"):
        roster(feature_sets={"../up": ("close",)})

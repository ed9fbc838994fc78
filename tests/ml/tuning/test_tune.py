"""Studies of made-up series: what they see, what they keep, and how they go on."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ml.artifacts.tuned import Compared, Tuned, read_tuned, tuned_for, write_tuned
from ml.config import Settings, TrainConfig
from ml.errors import BusySeriesError, StudyError
from ml.outcomes import TuneOutcome
from ml.series import SeriesKey
from ml.tuning.storage import open_study
from ml.tuning.tune import Progress, tune_target
from tests.ml.tuning.houses import house, targets
from tests.universe import write_series


def tune(settings: Settings) -> TuneOutcome:
    (target,) = targets(settings)
    return tune_target(target, settings)


def figures(outcome: TuneOutcome) -> list[tuple[object, ...]]:
    return [(one.number, one.state, one.value, one.chosen) for one in outcome.trials]


def replace_newest(settings: Settings, share: float) -> None:
    """Double the closes of the newest bars in the raw file."""
    path = settings.raw_dir / "A_1d.csv"
    bars = pd.read_csv(path)
    first = len(bars) - int(len(bars) * share)
    prices = ["open", "high", "low", "close"]
    bars.loc[first:, prices] = bars.loc[first:, prices] * 2.0
    bars.to_csv(path, index=False)


def test_the_first_trial_is_the_defaults_and_the_rest_are_proposals(tmp_path: Path) -> None:
    settings = house(tmp_path, "A")
    outcome = tune(settings)
    assert [one.number for one in outcome.trials] == list(range(6))
    train = settings.train
    assert outcome.trials[0].chosen == {
        "features": "default",
        "hidden_size": train.hidden_size,
        "learning_rate": train.learning_rate,
    }
    assert outcome.trials[0].value == outcome.defaults
    assert len({json.dumps(one.chosen) for one in outcome.trials}) == 6
    values = [one.value for one in outcome.trials if one.state == "complete" and one.value]
    assert outcome.value == min(values)


def test_the_test_bars_change_no_trial_by_a_bit(tmp_path: Path) -> None:
    first = house(tmp_path / "first", "A")
    other = house(tmp_path / "other", "A")
    replace_newest(other, first.train.test_share)
    before, after = tune(first), tune(other)
    assert figures(before) == figures(after)
    assert (before.study, before.confirmed) == (after.study, after.confirmed)


def test_the_bars_before_the_test_do_change_them(tmp_path: Path) -> None:
    first = house(tmp_path / "first", "A")
    other = house(tmp_path / "other", "A")
    replace_newest(other, first.train.test_share + 0.05)
    assert tune(first).study != tune(other).study


def test_a_study_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = tune(house(tmp_path / "whole", "A"))
    settings = house(tmp_path / "cut", "A")
    (target,) = targets(settings)
    calls = 0

    def kill(progress: Progress) -> None:
        nonlocal calls
        calls += 1
        if progress.done == 3 and calls % 2:  # amid a trial, as often as at its end
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_target(target, settings, kill)
    journal = next((settings.models_dir / "tuning" / "A_1d").glob("*.journal"))
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "worker')  # a line that was being written
    again = tune(settings)
    assert again.resumed == 3
    assert figures(again) == figures(whole)


def test_more_trials_go_on_from_what_is_there(tmp_path: Path) -> None:
    few = tune(house(tmp_path, "A", trials=4))
    more = tune(house(tmp_path, "A", trials=6))
    assert (few.resumed, more.resumed) == (0, 4)
    assert figures(more)[:4] == figures(few)


def test_tuning_again_mends_a_damaged_configuration(tmp_path: Path) -> None:
    settings = house(tmp_path, "A")
    path = settings.models_dir / "tuned" / "A_1d.json"
    path.parent.mkdir(parents=True)
    path.write_text("{half", encoding="utf-8")
    outcome = tune(settings)
    found = tuned_for(settings.models_dir, SeriesKey.of("A", "1d"))  # which would raise
    assert (found is not None) == (outcome.status == "tuned")


def test_what_the_user_set_is_not_searched(tmp_path: Path) -> None:
    settings = house(tmp_path, "A", search=(), trials=3)
    train = settings.train.model_validate(
        {**settings.train.model_dump(exclude_unset=True), "model": "lstm", "dropout": 0.0}
    )
    outcome = tune(settings.model_copy(update={"train": train}))
    assert all(not {"model", "dropout", "seq_len"} & one.chosen.keys() for one in outcome.trials)
    assert all("hidden_size" in one.chosen for one in outcome.trials)


def test_only_what_is_better_on_both_is_kept(tmp_path: Path) -> None:
    kept = {}
    for ticker in ("A", "B", "C", "D", "E", "F"):
        settings = house(tmp_path / ticker, ticker)
        outcome = tune(settings)
        assert outcome.value is not None
        assert outcome.defaults is not None
        assert outcome.confirmed is not None
        assert outcome.confirmed_defaults is not None
        better = outcome.value < outcome.defaults and outcome.confirmed < outcome.confirmed_defaults
        found = tuned_for(settings.models_dir, targets(settings)[0].key)
        assert (outcome.status == "tuned") == better == (found is not None)
        if found is not None:
            assert found.values == outcome.values
            assert found.searched == Compared(tuned=outcome.value, defaults=outcome.defaults)
            assert found.trials == 6
            # However the study goes on, what was ahead twice is not lost.
            tune(house(tmp_path / ticker, ticker, trials=8))
            assert tuned_for(settings.models_dir, targets(settings)[0].key) is not None
        kept[better] = outcome
    assert set(kept) == {True, False}  # else this test would have seen only one of them
    assert "the defaults" in kept[False].reason
    assert "kept" in kept[False].reason


def test_what_is_in_use_is_tried_second_and_goes_only_if_it_is_no_better(tmp_path: Path) -> None:
    ended = set()
    for ticker in ("A", "B"):
        settings = house(tmp_path / ticker, ticker, trials=2, search=("hidden_size", "features"))
        (target,) = targets(settings)
        path = target.path(settings.models_dir)
        pair = Compared(tuned=0.98, defaults=0.99)
        in_use = Tuned(
            members=(target.key.stem,),
            sample=(target.key.stem,),
            values={"hidden_size": 9, "features": ["close"]},
            searched=pair,
            confirmed=pair,
            folds=2,
            study="0" * 16,
            trials=30,
            pruned=0,
            created=datetime(2026, 11, 1, tzinfo=UTC),
            fingerprint="0" * 64,
        )
        write_tuned(path, in_use)
        outcome = tune_target(target, settings)
        assert outcome.trials[1].chosen == {"hidden_size": 9, "features": "close"}
        # Of two trials the best is the defaults or what was in use.
        assert path.exists() == (outcome.status == "tuned")
        assert ("removed" in outcome.reason) == (outcome.status == "kept")
        ended.add(outcome.status)
    assert "kept" in ended


def test_a_group_is_tuned_on_a_seeded_sample_and_holds_for_all_its_members(tmp_path: Path) -> None:
    tickers = ("A", "B", "C", "D")
    settings = house(tmp_path, *tickers, group="four", sample=2, trials=3)
    (target,) = targets(settings)
    outcome = tune_target(target, settings)
    assert (outcome.ticker, outcome.group, outcome.members) == ("four", "four", 4)
    assert len(outcome.sample) == 2
    assert outcome.sample == tune_target(target, settings).sample
    if outcome.path:
        found = read_tuned(Path(outcome.path), settings.models_dir)
        assert found is not None
        assert found.members == ("A_1d", "B_1d", "C_1d", "D_1d")


def test_a_series_that_is_too_short_is_left_out_of_the_sample(tmp_path: Path) -> None:
    house(tmp_path, "A", n=120)
    settings = house(tmp_path, "B", group="two", sample=2, trials=2)
    (target,) = targets(settings)
    assert tune_target(target, settings).sample == ("B_1d",)


def test_a_series_that_is_too_short_fails_with_its_reason(tmp_path: Path) -> None:
    outcome = tune(house(tmp_path, "A", n=120))
    assert outcome.status == "failed"
    assert outcome.failure is not None
    assert outcome.failure.code == "TF021"


def test_a_proposal_that_cannot_be_learnt_fails_alone(tmp_path: Path) -> None:
    # Windows of up to 128 bars, where the first fold has 368 bars to learn from.
    settings = house(tmp_path, "A", n=920, search=("seq_len",), trials=8)
    train = TrainConfig(horizon=3, epochs=1)
    outcome = tune(settings.model_copy(update={"train": train}))
    failed = [one for one in outcome.trials if one.state == "failed"]
    assert failed
    assert all("TF021" in one.note for one in failed)
    assert outcome.value is not None


def test_groups_are_of_one_interval(tmp_path: Path) -> None:
    settings = house(tmp_path, "A", group="mixed")
    write_series(settings.raw_dir, "A", interval="1h")
    assert [str(target.key) for target in targets(settings)] == ["mixed 1h", "mixed 1d"]


def test_two_processes_do_not_share_a_study(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    with open_study(path), pytest.raises(BusySeriesError, match="another tuning"), open_study(path):
        pass


def test_a_damaged_journal_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    path.write_bytes(b"no journal\nat all\n")
    with pytest.raises(StudyError, match="expected a journal"), open_study(path):
        pass

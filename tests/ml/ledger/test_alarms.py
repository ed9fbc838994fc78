"""When a champion is found wanting: alarms are raised once, and demotion is in the history."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.artifacts.meta import Meta
from ml.artifacts.store import ModelStore
from ml.config import Settings
from ml.evaluation.certificate import check_certified
from ml.evaluation.promotion import promote_series
from ml.ledger.alarms import announced, unannounced
from ml.ledger.demotion import demote
from ml.outcomes import ScoreOutcome
from ml.training.trainer import train_series
from tests.ml.inference.worlds import promote
from tests.ml.ledger.worlds import AAPL, OTHER, at, days, score, settings_in, write_pair
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

BARS = days(200)
TRAINED = 120


def trained(settings: Settings, **more: Any) -> Meta:
    """A champion that knows the first bars."""
    return promote(settings, BARS.iloc[:TRAINED], **more)


def contrary(asof: int) -> float:
    """A factor that moves away from the next close."""
    close = BARS["close"]
    return 1.0 - 2 * float(np.sign(close.iloc[asof + 1] - close.iloc[asof])) * 0.01


def fail(settings: Settings, version: str, count: int = 30, width: float = 0.2) -> ScoreOutcome:
    """So many forecasts that go wrong, scored."""
    for asof in range(TRAINED, TRAINED + count):
        write_pair(
            settings,
            BARS,
            asof,
            steps=1,
            factor=contrary(asof),
            version=version,
            created_at=at(BARS, 199, hour=100_000 + asof),
            width=width,
        )
    return score(settings, BARS)


def test_a_champion_whose_live_skill_is_lost_gives_way_to_the_random_walk_at_once(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    champion = trained(settings)
    outcome = fail(settings, champion.version)
    assert outcome.standing == "worse"
    assert outcome.alarms == ("skill",)
    store = ModelStore(settings.models_dir)
    serving = store.champion(AAPL).meta
    assert (serving.model, serving.version, serving.parent) == (
        "naive",
        outcome.demoted,
        champion.version,
    )
    assert serving.decision is not None
    assert serving.decision.verdict == "demoted"
    assert champion.version in serving.decision.reason
    assert serving.metrics["skill"] == 0
    assert 0 < float(serving.metrics["coverage_80"]) <= 1  # type: ignore[arg-type]
    assert [life.event.verdict for life in store.life(AAPL) if life.event] == ["demoted", "promoted"]
    # By one command back, and not demoted a second time for the same.
    assert store.rollback(AAPL).version == champion.version
    again = score(settings, BARS)
    assert (again.alarms, again.demoted, again.version) == ((), "", champion.version)
    assert "skill" in again.lost


def test_each_alarm_is_announced_once(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, demote=False)
    champion = trained(settings)
    outcome = fail(settings, champion.version, width=0.001)
    assert (outcome.alarms, outcome.demoted) == (("skill", "coverage"), "")
    assert ModelStore(settings.models_dir).champion(AAPL).meta.version == champion.version
    alarms = unannounced(settings.predictions_dir)
    assert [(alarm.version, alarm.reason) for alarm in alarms] == [
        (champion.version, "skill"),
        (champion.version, "coverage"),
    ]
    assert score(settings, BARS).alarms == ()
    assert len(unannounced(settings.predictions_dir)) == 2  # a run that died before its event
    announced(settings.predictions_dir, alarms, 1)
    assert unannounced(settings.predictions_dir) == []


def test_too_few_forecasts_and_good_ones_alarm_nobody(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    champion = trained(settings)
    few = fail(settings, champion.version, count=19)
    assert (few.standing, few.alarms, few.judged_forecasts) == ("", (), 19)
    assert "too few to tell" in few.verdict
    good = settings_in(tmp_path / "good")
    champion = trained(good)
    for asof in range(TRAINED, TRAINED + 40):
        truth = float(BARS["close"].iloc[asof + 1] / BARS["close"].iloc[asof])
        write_pair(good, BARS, asof, steps=1, factor=1 + 0.7 * (truth - 1), version=champion.version)
    outcome = score(good, BARS)
    assert (outcome.standing, outcome.alarms, outcome.version) == ("better", (), champion.version)
    assert outcome.skill == pytest.approx(0.7, abs=0.01)


def test_a_series_that_is_trained_each_night_is_judged_over_its_versions(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    champion = trained(settings)
    for number, asof in enumerate(range(TRAINED, TRAINED + 30)):
        version = f"20200101T0000{number:02d}Z-0000000a"
        write_pair(
            settings,
            BARS,
            asof,
            steps=1,
            factor=contrary(asof),
            width=0.2,
            version=version,
            created_at=at(BARS, 199, hour=100_000 + asof),
        )
    outcome = score(settings, BARS)
    assert (outcome.judged, outcome.judged_forecasts, outcome.alarms) == ("series", 30, ("skill",))
    assert outcome.demoted
    # The next champion starts anew: what was found wanting does not count against it.
    store = ModelStore(settings.models_dir)
    trained(settings, seed=2)
    outcome = score(settings, BARS)
    assert (outcome.judged_forecasts, outcome.alarms, outcome.demoted) == (0, (), "")
    assert store.champion(AAPL).meta.version != champion.version


def test_bands_that_were_lost_alarm_once_however_often_the_series_is_trained_for_it(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    champion = trained(settings)
    for asof in range(TRAINED, TRAINED + 30):
        truth = float(BARS["close"].iloc[asof + 1] / BARS["close"].iloc[asof])
        write_pair(
            settings,
            BARS,
            asof,
            steps=1,
            factor=1 + 0.7 * (truth - 1),
            width=1e-4,
            version=champion.version,
            created_at=at(BARS, 199, hour=100_000 + asof),
        )
    assert score(settings, BARS).alarms == ("coverage",)
    # Each alarm starts a training, whose champion has no forecasts of its own to be judged by.
    for seed in (2, 3):
        assert trained(settings, seed=seed).version != champion.version
        again = score(settings, BARS)
        assert (again.judged, again.judged_forecasts) == ("series", 30)
        assert (again.lost, again.alarms) == ({}, ())


def test_the_baseline_that_takes_over_is_certified_as_whatever_is_promoted(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert fail(settings, trained(settings).version).demoted
    serving = ModelStore(settings.models_dir).champion(AAPL).meta
    check_certified(serving.certificate, "AAPL 1d")


def test_the_training_after_a_demotion_is_judged_and_promoted_as_any_other(tmp_path: Path) -> None:
    settings, bars = quick_settings(tmp_path), make_bars(500)
    store_bars(settings, AAPL, bars)
    store = ModelStore(settings.models_dir)
    first = promote_series(train_series(AAPL, settings), settings)
    assert first.status == "promoted"
    baseline = demote(store, store.champion(AAPL).meta, bars, "its live skill is lost")
    # Of the same bars and configuration comes the same model: it is not trained again.
    assert promote_series(train_series(AAPL, settings), settings).skipped
    other = settings.train.model_copy(update={"seed": 8})
    newer = settings.model_copy(update={"train": other})
    second = promote_series(train_series(AAPL, newer), newer)
    assert second.status == "promoted"
    assert f"the champion naive {baseline.version}" in second.reason
    assert store.champion(AAPL).meta.parent == baseline.version
    verdicts = [life.event.verdict for life in store.life(AAPL) if life.event]
    assert verdicts == ["promoted", "demoted", "promoted"]


def test_the_random_walk_is_never_worse_than_itself(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    champion = trained(settings, model="naive", features=("close",))
    for asof in range(TRAINED, TRAINED + 30):
        write_pair(settings, BARS, asof, steps=1, version=champion.version, model="naive")
    outcome = score(settings, BARS)
    assert outcome.skill == pytest.approx(0, abs=1e-6)
    assert (outcome.lost, outcome.demoted) == ({}, "")


def test_forecasts_of_a_series_without_a_champion_are_scored(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    outcome = fail(settings, OTHER)
    assert (outcome.steps, outcome.version, outcome.demoted) == (30, "", "")


def test_a_model_that_was_trained_on_the_outcome_does_not_count(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    champion = trained(settings)
    write_pair(settings, BARS, TRAINED - 3, steps=5, version=champion.version)
    outcome = score(settings, BARS)
    assert (outcome.late, outcome.steps) == (2, 3)


def test_drift_is_reported_beside_the_score(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    part = BARS.iloc[:TRAINED]
    champion = trained(settings)
    wild = BARS.copy()
    changes = np.diff(np.log(BARS["close"].to_numpy()), prepend=np.log(100.0))
    changes[TRAINED:] *= 3
    wild["close"] = 100.0 * np.exp(np.cumsum(changes))
    write_pair(settings, BARS, TRAINED, version=champion.version)
    calm, stormy = score(settings, BARS), score(settings, wild)
    assert calm.drift_volatility is not None
    assert calm.drift_psi is not None
    assert stormy.drift_psi is not None
    assert calm.drift_volatility == pytest.approx(1, abs=0.3)
    assert stormy.drift_volatility == pytest.approx(3 * calm.drift_volatility, rel=0.05)
    assert stormy.drift_psi > 0.25 > calm.drift_psi / 2
    assert len(part) == TRAINED
    assert pd.Timestamp(champion.data.last) == part["timestamp"].iloc[-1]

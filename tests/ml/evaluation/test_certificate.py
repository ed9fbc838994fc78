from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.config import TrainConfig
from ml.errors import LeakageError
from ml.evaluation.certificate import Rebuilt, certify, check_certified
from ml.features.leakage import columns_of, frame_of, other_future
from ml.features.windows import Split
from ml.training.dataset import build_dataset
from ml.training.learning import learn
from tests.synthetic import make_bars

CONFIG = TrainConfig(model="drift", features=("close", "volume"), seq_len=16, horizon=5)
BARS = make_bars(500)


def test_the_same_seed_cuts_and_changes_the_same() -> None:
    forecaster = learn(BARS, CONFIG).forecaster
    first, again, other = (certify(BARS, forecaster, seed=seed) for seed in (3, 3, 4))
    assert first.cuts == again.cuts
    assert first.cuts != other.cuts
    assert first.checked == ("features", "forecasts", "bands")
    assert "kept every bit" in first.words


def test_a_split_whose_outcomes_reach_into_the_next_segment_is_named() -> None:
    learnt = learn(BARS, CONFIG)
    dataset = learnt.dataset
    split = dataset.split
    late = Split(
        train=range(split.train.start, split.train.stop + 1),
        val=split.val,
        test=split.test,
        train_bars=split.train_bars,
        val_bars=split.val_bars,
        test_bars=split.test_bars,
    )
    built = Rebuilt(late, dataset.scaler, dataset.target, dataset.train.actual())
    with pytest.raises(LeakageError, match="found that this does: split"):
        certify(BARS, learnt.forecaster, built)


def test_outcomes_that_look_past_the_training_bars_are_named() -> None:
    learnt = learn(BARS, CONFIG)
    close = np.log(BARS["close"].to_numpy())

    def rebuilt(bars: pd.DataFrame) -> Rebuilt:
        dataset = build_dataset(bars, CONFIG)
        log_close = np.log(bars["close"].to_numpy())
        stop = dataset.split.train_bars.stop
        return Rebuilt(dataset.split, dataset.scaler, dataset.target, log_close[: stop + 1, None])

    built = replace(rebuilt(BARS), outcomes=close[: learnt.dataset.split.train_bars.stop + 1, None])
    with pytest.raises(LeakageError, match="found that this does: outcomes"):
        certify(BARS, learnt.forecaster, built, rebuilt)


def test_only_what_has_a_certificate_is_promoted() -> None:
    check_certified({"passed": True}, "AAPL 1d")
    without: list[dict[str, object]] = [{}, {"passed": "yes"}, {"passed": False}]
    for certificate in without:
        with pytest.raises(LeakageError, match="expected a leakage certificate"):
            check_certified(certificate, "AAPL 1d")


def test_bars_up_to_the_cut_stay_and_all_later_ones_change() -> None:
    bars = make_bars(200)
    bars.loc[150:160, "volume"] = np.nan
    columns = columns_of(bars)
    changed = frame_of(other_future(columns, 120, np.random.default_rng(0), 1.0))
    same = frame_of(columns)
    assert changed.iloc[:121].equals(same.iloc[:121])
    for name in ("timestamp", "open", "high", "low", "close"):
        assert (changed[name].iloc[121:] != same[name].iloc[121:]).all()
    assert changed["timestamp"].is_monotonic_increasing
    assert (changed["high"] >= changed["low"]).all()


def test_a_series_without_volume_gets_none() -> None:
    columns = columns_of(make_bars(200, volume=False))
    changed = other_future(columns, 120, np.random.default_rng(0), 1.0)
    assert np.isnan(changed["volume"]).all()

"""What can be searched, and how a proposal becomes a configuration."""

import pytest

from ml.config import TrainConfig, TuneConfig
from ml.errors import FeatureError, ModelError, UsageError
from ml.tuning.space import FEATURE_SETS, Choice, Range, features_of, make_space
from ml.tuning.targets import make_targets


def test_everything_tunable_is_searched_around_the_defaults() -> None:
    space = make_space(TrainConfig(), TuneConfig(), has_volume=True)
    assert space.config(space.defaults()) == TrainConfig()
    assert all(space.searched[name].holds(value) for name, value in space.defaults().items())


def test_a_default_outside_the_usual_range_widens_it() -> None:
    base = TrainConfig.model_construct(_fields_set=set(), **{**dict(TrainConfig()), "hidden_size": 100})
    assert make_space(base, TuneConfig(), has_volume=True).searched["hidden_size"].holds(100)
    assert Range(1e-3, 0.5, log=True).including(0.0) == Range(0.0, 0.5, log=False)
    assert Choice(("gru",)).including("lstm") == Choice(("lstm", "gru"))


def test_what_is_set_is_not_searched() -> None:
    space = make_space(TrainConfig(model="lstm", seq_len=60), TuneConfig(), has_volume=True)
    assert {"model", "seq_len"}.isdisjoint(space.searched)


def test_sets_that_need_volume_are_left_out_where_there_is_none() -> None:
    with_it, without = (
        make_space(TrainConfig(), TuneConfig(), has_volume=known).searched["features"]
        for known in (True, False)
    )
    assert isinstance(with_it, Choice)
    assert isinstance(without, Choice)
    assert set(with_it.values) - set(without.values) == {"volume"}


def test_a_set_is_named_or_spelled_out() -> None:
    assert features_of("close") == ("close",)
    assert features_of("close+rsi_14") == ("close", "rsi_14")
    assert features_of("default") is None
    tune = TuneConfig(feature_sets=("close+rsi_14",))
    space = make_space(TrainConfig(), tune, has_volume=True)
    assert space.config({**space.defaults(), "features": "close+rsi_14"}).features == ("close", "rsi_14")


def test_every_named_set_has_features_that_there_are() -> None:
    make_space(TrainConfig(), TuneConfig(feature_sets=tuple(FEATURE_SETS)), has_volume=True)


def test_values_in_use_become_a_proposal_where_they_lie_in_the_space() -> None:
    space = make_space(TrainConfig(), TuneConfig(), has_volume=True)
    chosen = space.proposal({"model": "gru", "features": ["close"], "hidden_size": 30})
    assert chosen is not None
    assert (chosen["model"], chosen["features"], chosen["hidden_size"]) == ("gru", "close", 30)
    assert space.proposal({"hidden_size": 3000}) is None
    assert space.proposal({"features": ["rsi_99"]}) is None


def test_wrong_names_are_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="expected values to search"):
        make_space(TrainConfig(), TuneConfig(search=("epochs",)), has_volume=True)
    with pytest.raises(ModelError, match="'naive'"):
        make_space(TrainConfig(), TuneConfig(models=("lstm", "naive")), has_volume=True)
    with pytest.raises(FeatureError):
        make_space(TrainConfig(), TuneConfig(feature_sets=("moonphase",)), has_volume=True)
    with pytest.raises(UsageError, match="naive"):
        make_space(TrainConfig(model="naive"), TuneConfig(), has_volume=True)
    with pytest.raises(UsageError, match="every value set"):
        make_space(TrainConfig(dropout=0.1), TuneConfig(search=("dropout",)), has_volume=True)


def test_no_series_makes_no_target() -> None:
    assert make_targets([], "") == make_targets([], "some") == []

from pathlib import Path

import pytest
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows import sharding
from flows.sharding import fleet_shard, make_runner, make_shards
from ml.config import RunConfig, TrainConfig
from ml.data.discovery import RawSeries
from ml.series import SeriesKey


def series(n: int) -> list[RawSeries]:
    return [RawSeries(SeriesKey.of(f"T{number}", "1d"), (Path("x.csv"),)) for number in range(n)]


@pytest.mark.parametrize(("n", "shards"), [(0, 0), (1, 1), (8, 8), (10, 9), (256, 34), (3000, 205)])
def test_few_series_are_a_shard_each_and_many_share(n: int, shards: int) -> None:
    made = make_shards(series(n), RunConfig(workers=2))
    assert len(made) == shards
    assert [item for shard in made for item in shard.items] == series(n)


def test_the_size_can_be_set_and_a_label_says_how_many() -> None:
    made = make_shards(series(5), RunConfig(shard_size=3))
    assert [shard.label for shard in made] == ["T0 1d and 2 more", "T3 1d and 1 more"]


def test_the_runner_is_a_setting() -> None:
    assert isinstance(make_runner(RunConfig(runner="threads"), 9), ThreadPoolTaskRunner)
    assert isinstance(make_runner(RunConfig(runner="processes"), 1), ProcessPoolTaskRunner)
    assert isinstance(make_runner(RunConfig(workers=2), 9), ProcessPoolTaskRunner)
    assert isinstance(make_runner(RunConfig(workers=2), 1), ThreadPoolTaskRunner)
    assert isinstance(make_runner(RunConfig(workers=1), 9), ThreadPoolTaskRunner)


def test_series_that_train_together_are_cut_into_few_even_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "nvidiactl"
    monkeypatch.setattr(sharding, "_NVIDIA_DEVICE", device)
    assert fleet_shard(TrainConfig()) == 0
    assert fleet_shard(TrainConfig(model="gru")) == fleet_shard(TrainConfig(engine="fleet")) == 32
    device.touch()
    assert fleet_shard(TrainConfig()) == 512
    assert fleet_shard(TrainConfig(device="cpu")) == 0
    assert fleet_shard(TrainConfig(engine="single")) == 0
    sizes = [len(shard.items) for shard in make_shards(series(4000), RunConfig(), 512)]
    assert sizes == [512] * 7 + [416]
    assert [len(shard.items) for shard in make_shards(series(600), RunConfig(), 512)] == [300, 300]

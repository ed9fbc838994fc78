import pytest
import torch

from ml.config import TrainConfig
from ml.errors import ModelError
from ml.training.dataset import build_dataset
from ml.training.engine import fleets, is_fleet
from ml.training.fleet import Fleet, unroll
from ml.training.samples import Shelf
from tests.ml.training.signals import SEQ_LEN, config, job, network
from tests.synthetic import make_bars


def quick(**changes: object) -> TrainConfig:
    settings = {"seq_len": 16, "horizon": 4, "batch_size": 128, "hidden_size": 8, "device": "cpu"}
    return TrainConfig.model_validate({**settings, **changes})


def test_on_a_cpu_what_has_a_fast_kernel_trains_alone_unless_told_otherwise() -> None:
    assert not is_fleet(quick())
    assert is_fleet(quick(model="gru"))
    assert not is_fleet(quick(model="gru", engine="single"))
    assert is_fleet(quick(engine="fleet"))
    assert not is_fleet(quick(model="naive", engine="fleet"))
    with pytest.raises(ModelError, match="expected an architecture"):
        is_fleet(quick(model="unknown"))


def test_fleets_have_as_many_steps_and_inputs_and_about_as_many_windows() -> None:
    settings = quick(engine="fleet")
    lengths = [500, 2000, 505, 520, 900]
    datasets = [build_dataset(make_bars(count, seed=count), settings) for count in lengths]
    without_volume = build_dataset(make_bars(500, volume=False), settings)
    groups = fleets([*datasets, without_volume], settings)
    assert sorted(index for group in groups for index in group) == list(range(6))
    assert [0, 2, 3] in [sorted(group) for group in groups]
    assert [5] in groups
    assert fleets(datasets, quick(engine="single")) == [[0], [1], [2], [3], [4]]


def test_a_fleet_is_no_larger_than_asked_for() -> None:
    settings = quick(engine="fleet")
    datasets = [build_dataset(make_bars(500, seed=seed), settings) for seed in range(5)]
    assert [len(group) for group in fleets(datasets, settings, most=2)] == [2, 2, 1]


@pytest.mark.parametrize("name", ["lstm", "gru", "cnn_lstm"])
def test_a_step_never_waits_for_the_device_and_makes_nothing_elsewhere(name: str) -> None:
    """So that a GPU can record it. Tensors on meta have no values: what reads one fails."""
    device = torch.device("meta")
    shapes = network(name, layers=2).to(device)
    unroll(shapes, unrolled=True)
    fleet = Fleet(shapes.train(), 3, config(), unrolled=True)
    fleet.draw_dropout([0], 4)
    shelf = Shelf([job(295, seed=seed).train for seed in range(3)], device)
    losses = fleet.step(shelf.gather(torch.full((3, 4), 10, device=device), SEQ_LEN - 1, 8))
    assert losses.shape == (3,)
    assert losses.device == device


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", ["lstm", "gru", "cnn_lstm"])
def test_a_gpu_learns_what_a_cpu_learns(name: str) -> None:
    from ml.training.loop import Fit, fit

    jobs = [job(295, seed=seed) for seed in range(3)]
    settings = config(epochs=6, learning_rate=0.005, patience=99)
    on_cpu = fit(network(name), jobs, settings, torch.device("cpu"))
    on_gpu = fit(network(name), jobs, settings, torch.device("cuda"))
    for cpu, gpu in zip(on_cpu, on_gpu, strict=True):
        assert isinstance(cpu, Fit)
        assert isinstance(gpu, Fit)
        assert cpu.best_epoch == gpu.best_epoch
        for part, tensor in cpu.weights.items():
            assert torch.allclose(tensor, gpu.weights[part], atol=1e-3), part

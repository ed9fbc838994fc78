import pytest
import torch

import models

NETWORKS = ["lstm", "gru", "cnn_lstm"]


def test_the_architectures_that_the_project_promises_are_found() -> None:
    assert set(models.architectures()) >= {"lstm", "gru", "cnn_lstm", "naive", "drift"}


@pytest.mark.parametrize("name", [*NETWORKS, "naive", "drift"])
def test_every_architecture_starts_as_the_random_walk(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, 5, 7, {}).eval()
    changes = network(torch.randn(3, 20, 5), 12, 4)
    assert changes.shape == (3, 4, 7)
    assert torch.equal(changes, torch.zeros(3, 4, 7))


@pytest.mark.parametrize("name", [*NETWORKS, "naive", "drift"])
def test_the_state_dict_is_all_that_a_network_holds(name: str) -> None:
    network = models.build(name, 5, 7, {}).eval()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.normal_(std=0.3)
    with torch.device("meta"):
        rebuilt = models.build(name, 5, 7, {}).eval()
    rebuilt.load_state_dict(network.state_dict(), assign=True)
    inputs = torch.randn(3, 20, 5)
    assert torch.equal(rebuilt(inputs, 20, 1), network(inputs, 20, 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_of_a_network_takes_part_in_learning(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, 5, 7, {"dropout": 0.0})
    with torch.no_grad():
        network.head.output.weight.normal_()  # type: ignore[union-attr,operator]
    network(torch.randn(8, 20, 5), 20, 1).square().sum().backward()
    for parameter_name, parameter in network.named_parameters():
        if parameter_name.startswith("shortcut."):  # solved for
            assert parameter.grad is None
            continue
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", NETWORKS)
def test_the_shortcut_adds_what_is_linear_in_each_bars_own_inputs(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, 5, 7, {}).eval()
    inputs = torch.randn(3, 20, 5)
    with torch.no_grad():
        slopes = network.shortcut.weight.normal_()  # type: ignore[union-attr,operator]
        network.shortcut.bias.fill_(0.5)  # type: ignore[union-attr,operator]
        changes = network(inputs, 12, 4)
    assert torch.allclose(changes, inputs[:, -4:] @ slopes.T + 0.5, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_window_is_forecast_alike_alone_and_in_a_batch(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, 5, 7, {}).eval()
    with torch.no_grad():
        network.head.output.weight.normal_()  # type: ignore[union-attr,operator]
        batch = torch.randn(6, 20, 5)
        assert torch.allclose(network(batch, 12, 3)[2:3], network(batch[2:3], 12, 3), atol=1e-6)


def test_drift_continues_the_mean_change_of_the_training_bars() -> None:
    drift = models.architectures()["drift"]
    network = models.build("drift", 5, 4, {})
    assert drift.solve is not None
    drift.solve(network, 0.2)
    expected = 0.2 * torch.tensor([1.0, 2.0, 3.0, 4.0]).sqrt()
    assert torch.allclose(network(torch.zeros(2, 3, 5), 3, 1), expected.expand(2, 1, 4))


def test_sizes_that_nobody_means_are_refused() -> None:
    with pytest.raises(ValueError, match="hidden_size"):
        models.build("lstm", 5, 7, {"hidden_size": 1_000_000})
    with pytest.raises(ValueError, match="kernel_size"):
        models.build("cnn_lstm", 5, 7, {"kernel_size": 1000})


def test_names_that_would_make_file_names_ambiguous_are_refused() -> None:
    from models.layers import RecurrentConfig
    from models.lstm import LSTM
    from models.registry import register

    with pytest.raises(ValueError, match="ambiguous"):
        register(models.Architecture("cnn", RecurrentConfig, LSTM))

"""Weights survive; what torch alone would accept is refused."""

import io
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ml.artifacts.weights_io import dump_weights, load_weights, network_shapes
from ml.errors import ArtifactError
from models import architectures, build
from tests.ml.artifacts.samples import toy_meta

SHAPES = {"weight": (2, 3), "bias": (2,)}


def weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def rezipped(content: bytes, compression: int = zipfile.ZIP_STORED, extra: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
        if extra:
            new.writestr("archive/data/9", extra)
    return buffer.getvalue()


def test_weights_come_back_to_the_bit() -> None:
    loaded = load_weights(dump_weights(weights(), SHAPES), SHAPES)
    assert loaded.keys() == SHAPES.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in weights().items())


def test_the_same_weights_give_the_same_bytes() -> None:
    assert dump_weights(weights(), SHAPES) == dump_weights(weights(), SHAPES)


@pytest.mark.parametrize("name", sorted(architectures()))
def test_every_architecture_survives_and_its_shapes_cost_no_memory(name: str) -> None:
    settings = {"hidden_size": 4, "num_layers": 2, "dropout": 0.1}
    config = {key: value for key, value in settings.items() if key in architectures()[name].settings}
    spec = toy_meta(1, model=name, config=config)
    network = build(name, len(spec.inputs), spec.horizon, config)
    state = network.state_dict()
    shapes = network_shapes(spec)
    loaded = load_weights(dump_weights(state, shapes), shapes)
    build(name, len(spec.inputs), spec.horizon, config).load_state_dict(loaded)
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("nothing", {}),
        ("lstm", {"hidden_size": 10**9}),
        ("lstm", {"colour": 1}),
        ("naive", {"hidden_size": 4}),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(model: str, config: dict[str, int]) -> None:
    with pytest.raises(ArtifactError, match="can build"):
        network_shapes(toy_meta(1, model=model, config=config))


def test_views_of_one_buffer_are_written_apart() -> None:
    buffer = torch.arange(8, dtype=torch.float32)
    views = {"weight": buffer[:6].view(2, 3), "bias": buffer[6:]}
    loaded = load_weights(dump_weights(views, SHAPES), SHAPES)
    assert torch.equal(loaded["bias"], torch.tensor([6.0, 7.0]))


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"weight": torch.zeros(2, 3)},
        {**weights(), "more": torch.zeros(1)},
        {**weights(), "bias": torch.zeros(3)},
        {**weights(), "bias": torch.zeros(2, 1)},
        {**weights(), "bias": torch.zeros(2, dtype=torch.int64)},
        {**weights(), "bias": torch.zeros(2, dtype=torch.complex64)},
        {**weights(), "bias": torch.zeros(2, dtype=torch.float16)},
        {**weights(), "bias": torch.tensor([1.0, float("nan")])},
        {**weights(), "bias": torch.tensor([1.0, float("inf")])},
        {**weights(), "bias": torch.zeros(1).expand(2)},
        {**weights(), "bias": torch.zeros(9)[:2]},
        {**weights(), "bias": torch.zeros(4)[::2]},
        {**weights(), "weight": torch.zeros(3, 2).T},
        {**weights(), "bias": torch.zeros(2).to_sparse()},
        {**weights(), "bias": [0.0, 0.0]},
        {**weights(), "bias": torch.nn.Parameter(torch.zeros(2))},
        {"weight": weights()["weight"], 3: torch.zeros(2)},
        [torch.zeros(2)],
        torch.zeros(2),
        "text",
    ],
)
def test_other_tensors_than_expected_are_refused(state: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = saved(state)
    with pytest.raises(ArtifactError, match="not weights that Tickerflow wrote"):
        load_weights(content, SHAPES)


def test_tensors_that_share_their_numbers_are_refused() -> None:
    shared = torch.zeros(2)
    with pytest.raises(ArtifactError, match="stored on its own"):
        load_weights(saved({"a": shared, "b": shared}), {"a": (2,), "b": (2,)})


def test_a_small_file_of_a_huge_tensor_is_refused() -> None:
    huge = torch.zeros(1).expand(10**12)
    with pytest.raises(ArtifactError, match="stored in full"):
        load_weights(saved({"weight": huge}), {"weight": (10**12,)})


def test_a_file_larger_than_its_network_is_refused_unread() -> None:
    with pytest.raises(ArtifactError, match="at most"):
        load_weights(b"\0" * 2**21, SHAPES)


def test_a_compression_bomb_is_refused_before_torch_reads_it() -> None:
    state = {"weight": torch.zeros(50_000_000)}
    bomb = rezipped(saved(state), zipfile.ZIP_DEFLATED)
    assert len(bomb) < 500_000
    with pytest.raises(ArtifactError, match="compressed member"):
        load_weights(bomb, SHAPES)


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.path}",))


def test_code_in_the_pickle_is_refused_before_torch_reads_it(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for value in (Touch(trace), {**weights(), "bias": Touch(trace)}):
        with pytest.raises(ArtifactError, match="the name 'posix system'"):
            load_weights(saved(value), SHAPES)
    assert not trace.exists()


@pytest.mark.parametrize(
    "value", [bytearray(3), {1, 2}, complex(1, 2), torch.Size([3]), torch.device("cpu"), torch.float32]
)
def test_even_names_that_torch_admits_are_refused(value: object) -> None:
    with pytest.raises(ArtifactError):
        load_weights(saved({**weights(), "bias": value}), SHAPES)


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 100, b"PK\x05\x06" + bytes(18), b"\x80\x02."])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        load_weights(content, SHAPES)


def test_a_zip_comment_or_a_second_pickle_is_refused() -> None:
    content = saved(weights())
    assert load_weights(rezipped(content), SHAPES)
    with pytest.raises(ArtifactError, match="end record"):
        load_weights(content + b"trailing", SHAPES)
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("other/data.pkl", b"\x80\x02}.")
    with pytest.raises(ArtifactError, match="one pickle"):
        load_weights(buffer.getvalue(), SHAPES)


def test_an_old_format_file_is_refused() -> None:
    buffer = io.BytesIO()
    torch.save(weights(), buffer, _use_new_zipfile_serialization=False)
    with pytest.raises(ArtifactError):
        load_weights(buffer.getvalue(), SHAPES)


def test_random_mutations_end_in_a_typed_error_or_sane_weights(mutations: int) -> None:
    content = dump_weights(weights(), SHAPES)
    rng = np.random.default_rng(13)
    refused = 0
    for _ in range(mutations):
        mutated = bytearray(content)
        for position in rng.integers(0, len(content), rng.integers(1, 4)):
            mutated[position] = rng.integers(0, 256)
        try:
            loaded = load_weights(bytes(mutated), SHAPES)
        except ArtifactError:
            refused += 1
        else:
            assert {name: tuple(tensor.shape) for name, tensor in loaded.items()} == SHAPES
            assert all(bool(torch.isfinite(tensor).all()) for tensor in loaded.values())
    assert refused > mutations * 0.2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_weights_saved_from_cuda_load_on_the_cpu() -> None:
    network = torch.nn.LSTM(3, 4, num_layers=2).cuda()
    state = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    loaded = load_weights(dump_weights(state, shapes), shapes)
    assert all(
        tensor.device.type == "cpu" and torch.equal(tensor, state[n].cpu())
        for n, tensor in loaded.items()
    )

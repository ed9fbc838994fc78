"""State dicts to bytes and back, by torch's format, checked before and after torch reads them.

``weights_only=True`` keeps code out, but not a 1.5 KB file that claims 10^12 elements, a deflated bomb,
NaN weights or names that fit no network. So the zip and the names in its pickle are checked before
torch sees them, and every tensor against the architecture afterwards.
"""

import io
import json
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from math import prod
from types import MappingProxyType

import torch
from torch import Tensor

from ml.errors import ArtifactError
from ml.forecasting.spec import ForecastSpec
from models import build

Shapes = Mapping[str, tuple[int, ...]]

MAX_WEIGHTS_BYTES = 2**30
_MAX_MEMBERS = 4096
_MAX_PICKLE_BYTES = 2**20
_OVERHEAD = 2**20  # zip records and pickle, beside the numbers
_DTYPES = {torch.float32: 4, torch.float64: 8}
_END_RECORD = 22  # bytes of a zip's end record without comment
_ADMITTED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
    "torch DoubleStorage",
}
_FORBIDDEN_OPERATIONS = {
    "STACK_GLOBAL",
    "INST",
    "OBJ",
    "EXT1",
    "EXT2",
    "EXT4",
    "PERSID",
    "NEWOBJ",
    "NEWOBJ_EX",
}


def network_shapes(spec: ForecastSpec) -> Shapes:
    """Names and shapes of the weights of a spec's network, built without allocating it.

    Raises `ArtifactError` for an unknown architecture or a config that does not fit it.
    """
    try:
        return _shapes(spec.model, len(spec.inputs), spec.horizon, json.dumps(spec.config))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"expected a model that this Tickerflow can build, found {spec.model!r} with {spec.config}",
            hint="was it trained by another version? train again",
        ) from error


# A universe has one configuration, and thousands of series.
@lru_cache(maxsize=256)
def _shapes(model: str, n_inputs: int, horizon: int, config: str) -> Shapes:
    """Of a config as JSON, in which 4 and 4.0 are two things."""
    with torch.device("meta"):
        network = build(model, n_inputs, horizon, json.loads(config))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    return MappingProxyType(shapes)


def dump_weights(weights: Mapping[str, Tensor], shapes: Shapes, where: str = "") -> bytes:
    """A state dict's bytes, on the CPU; raises `ArtifactError` for what `load_weights` would refuse."""
    # Each tensor gets its own storage: on CUDA a recurrent layer's weights are views of one buffer.
    plain = {
        name: tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
        for name, tensor in weights.items()
    }
    _check_tensors(plain, shapes, where)
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    return buffer.getvalue()


def load_weights(content: bytes, shapes: Shapes, where: str = "") -> dict[str, Tensor]:
    """Read a state dict onto the CPU.

    Args:
        content: the file's bytes, the same that were hashed.
        shapes: exactly the names and shapes that there must be.
        where: the file, for messages.

    Raises:
        ArtifactError: anything else than these tensors: finite, float32 or float64, each stored in full.
    """
    most = sum(prod(shape) for shape in shapes.values()) * max(_DTYPES.values()) + _OVERHEAD
    if len(content) > min(most, MAX_WEIGHTS_BYTES):
        raise _refused(
            f"expected at most {min(most, MAX_WEIGHTS_BYTES)} bytes, found {len(content)}", where
        )
    _check_container(content, where)
    try:
        loaded: object = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise _refused(f"torch cannot read it ({type(error).__name__})", where) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise _refused("expected a dictionary of tensors", where)
    _check_tensors(loaded, shapes, where)
    return dict(loaded)


def _check_container(content: bytes, where: str) -> None:
    """Only stored members, whose sizes add up to no more than the file, and a pickle of known names."""
    try:
        # At the very end and without comment, so that torch's zip reader finds the same directory.
        if content[-_END_RECORD:][:4] != b"PK\x05\x06":
            raise ValueError("no zip end record where it belongs")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or len({member.filename for member in members}) != len(
                members
            ):
                raise ValueError("too many members, or two of one name")
            if any(
                m.compress_type != zipfile.ZIP_STORED or m.file_size != m.compress_size for m in members
            ):
                raise ValueError("a compressed member")
            if sum(member.file_size for member in members) > len(content):
                raise ValueError("members that overlap")
            pickles = [member for member in members if member.filename.endswith("/data.pkl")]
            if len(pickles) != 1 or pickles[0].file_size > _MAX_PICKLE_BYTES:
                raise ValueError("not one pickle of tolerable size")
            _check_pickle(archive.read(pickles[0]))
    except (zipfile.BadZipFile, ValueError, OverflowError, EOFError, struct.error) as error:
        raise _refused(f"{error}", where) from error
    except (NotImplementedError, RuntimeError, OSError) as error:
        raise _refused(f"an unusual zip ({type(error).__name__})", where) from error


def _check_pickle(content: bytes) -> None:
    for operation, argument, _ in pickletools.genops(content):
        if operation.name in _FORBIDDEN_OPERATIONS:
            raise ValueError(f"the operation {operation.name}, which state dicts do not have")
        if operation.name == "GLOBAL" and argument not in _ADMITTED:
            raise ValueError(f"the name {str(argument)[:80]!r}, which state dicts do not have")


def _check_tensors(weights: Mapping[str, Tensor], shapes: Shapes, where: str) -> None:
    if weights.keys() != shapes.keys():
        missing, extra = (
            sorted(shapes.keys() - weights.keys()),
            sorted(map(str, weights.keys() - shapes.keys())),
        )
        raise _refused(f"missing weights {missing[:5]}, unknown weights {extra[:5]}", where)
    storages: set[int] = set()
    for name, tensor in weights.items():
        if tuple(tensor.shape) != tuple(shapes[name]):
            raise _refused(f"expected {name} of {shapes[name]}, found {tuple(tensor.shape)}", where)
        if tensor.layout != torch.strided or tensor.dtype not in _DTYPES or tensor.device.type != "cpu":
            raise _refused(f"expected {name} of float32 or float64, found {tensor.dtype}", where)
        storage = tensor.untyped_storage()
        if not tensor.is_contiguous() or storage.nbytes() != tensor.numel() * _DTYPES[tensor.dtype]:
            raise _refused(f"expected {name} to be stored in full", where)
        if tensor.numel() and storage.data_ptr() in storages:
            raise _refused(f"expected {name} to be stored on its own", where)
        storages.add(storage.data_ptr())
        if not bool(torch.isfinite(tensor).all()):
            raise _refused(f"expected {name} to be finite", where)


def _refused(problem: str, where: str) -> ArtifactError:
    return ArtifactError(
        f"not weights that Tickerflow wrote: {problem}",
        hint="go back with `tickerflow models rollback`, or train again",
        where=where,
    )

"""The pickle machine of scaler files: a few operations, seven names, nothing that acts.

joblib's format is a pickle stream in which the raw bytes of each array follow the object that describes
it (joblib/numpy_pickle.py), so the stream is read with Python's own machine, cut down to the operations
of genuine dumps. Its three operations that can act (NEWOBJ, REDUCE, BUILD) are replaced, and they only
know the stand-ins below: no class of numpy, joblib or scikit-learn is ever touched by the file.
"""

import io
import pickle
import struct
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

MAX_INPUTS = 1024

_CODES = {"f8", "f4", "i8", "i4"}
_ALIGNMENT = 16  # joblib pads an array's bytes to this


@dataclass(frozen=True)
class ScalerState:
    """A scaler's class and its attributes: flags, numbers, tuples and arrays ``(n,)``."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class _Name:
    """Stands for a class or function of the file."""

    name: str


class _Object:
    """Stands for an instance: what `NEWOBJ` makes and `BUILD` fills, once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: dict[str, Any] | None = None


class _DType:
    """Stands for a number type: a code, and once built a byte order."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order: str | None = None

    def resolve(self) -> np.dtype[Any]:
        if self.order is None:
            raise ValueError("a number type without byte order")
        return np.dtype(self.order + self.code)


SCALER_MODULE = "sklearn.preprocessing._data"
_SCALERS = ("MinMaxScaler", "StandardScaler", "RobustScaler")
_WRAPPER = _Name("NumpyArrayWrapper")
_NDARRAY = _Name("ndarray")
_DTYPE = _Name("dtype")
_SCALAR = _Name("scalar")
_ADMITTED = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _WRAPPER,
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    **{(SCALER_MODULE, name): _Name(name) for name in _SCALERS},
}
_OPERATIONS = (
    pickle.PROTO,
    pickle.FRAME,
    pickle.MARK,
    pickle.STOP,
    pickle.NONE,
    pickle.NEWTRUE,
    pickle.NEWFALSE,
    pickle.BININT,
    pickle.BININT1,
    pickle.BININT2,
    pickle.LONG1,
    pickle.BINFLOAT,
    pickle.SHORT_BINBYTES,
    pickle.SHORT_BINUNICODE,
    pickle.EMPTY_TUPLE,
    pickle.TUPLE,
    pickle.TUPLE1,
    pickle.TUPLE2,
    pickle.TUPLE3,
    pickle.EMPTY_DICT,
    pickle.MEMOIZE,
    pickle.BINGET,
    pickle.LONG_BINGET,
)


def read_state(content: bytes) -> ScalerState:
    """Read a scaler's state; raise `ValueError` for whatever else it is. Executes nothing of it."""
    stream = io.BytesIO(content)
    machine = _Machine(stream)
    try:
        found = machine.load()
        rest = machine.read(1)
    except _MALFORMED as error:
        raise ValueError(f"damaged, compressed or not a scaler ({type(error).__name__})") from error
    if rest:
        raise ValueError("bytes after the end of the scaler")
    if not isinstance(found, _Object) or found.name not in _SCALERS or found.state is None:
        raise ValueError("something else than a scaler")
    return ScalerState(found.name, found.state)


# What the cut-down machine raises for damaged streams. KeyError: an operation that is not admitted.
_MALFORMED = (
    pickle.UnpicklingError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    TypeError,
    AssertionError,
    OverflowError,
    MemoryError,
    UnicodeDecodeError,
    struct.error,
)


class _Machine(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Any]] = {
        operation[0]: pickle._Unpickler.dispatch[operation[0]] for operation in _OPERATIONS
    }
    stack: list[Any]
    read: Any
    _unframer: Any

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._stream = stream

    def find_class(self, module: str, name: str) -> Any:
        """Exact pairs only; a dotted name is none of them."""
        admitted = _ADMITTED.get((module, name))
        if admitted is None:
            raise ValueError(f"{module[:80]!r}.{name[:80]!r} is not admitted")
        return admitted

    def load_newobj(self) -> None:
        arguments, cls = self.stack.pop(), self.stack.pop()
        if arguments != () or type(cls) is not _Name or cls.name not in (*_SCALERS, _WRAPPER.name):
            raise ValueError("an object of another class")
        self.stack.append(_Object(cls.name))

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(arguments) is not tuple:
            raise ValueError("a call without arguments")
        if function is _DTYPE and len(arguments) == 3:
            code, align, copy = arguments
            if type(code) is str and code in _CODES and align is False and copy is True:
                self.stack.append(_DType(code))
                return
        elif function is _SCALAR and len(arguments) == 2:
            dtype, content = arguments
            if type(dtype) is _DType and type(content) is bytes:
                self.stack.append(_one_number(dtype, content))
                return
        raise ValueError("a call of something that is not admitted")

    def load_build(self) -> None:
        state, instance = self.stack.pop(), self.stack[-1]
        if type(instance) is _DType:
            instance.order = _byte_order(instance, state)
        elif type(instance) is _Object and instance.state is None and type(state) is dict:
            instance.state = state
            if instance.name == _WRAPPER.name:
                self.stack[-1] = self._read_array(state)
        else:
            raise ValueError("a state for something that takes none")

    def load_setitems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        # Only strings: hashing a tuple of tuples of tuples could take for ever.
        if type(target) is not dict or len(items) % 2 or any(type(key) is not str for key in items[::2]):
            raise ValueError("a state that is no plain dictionary")
        target.update(zip(items[::2], items[1::2], strict=True))

    def load_stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise ValueError("a name that is no string")
        self.stack.append(self.find_class(module, name))

    def pop_mark(self) -> list[Any]:
        """Items since the last MARK."""
        items: list[Any] = super().pop_mark()  # type: ignore[misc]
        return items

    def _read_array(self, state: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The array whose bytes follow its description in the stream, ``(n,)``."""
        shape, dtype = state.get("shape"), state.get("dtype")
        if (
            state.keys()
            != {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
            or state["subclass"] is not _NDARRAY
            or state["order"] != "C"
            or type(dtype) is not _DType
            or type(shape) is not tuple
            or len(shape) != 1
            or type(shape[0]) is not int
            or not 0 < shape[0] <= MAX_INPUTS
        ):
            raise ValueError("an array that is not plain numbers in one dimension")
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise ValueError("an array inside a frame")
        padding = self._stream.read(1)
        if not padding or padding[0] > _ALIGNMENT:
            raise ValueError("an array with wrong padding")
        self._stream.read(padding[0])
        return _numbers(dtype, self._stream.read(dtype.resolve().itemsize * shape[0]), shape[0])

    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.STACK_GLOBAL[0]] = load_stack_global


def _byte_order(dtype: _DType, state: object) -> str:
    # numpy's state of a simple dtype: (version, byte order, three Nones, -1, -1, flags)
    if type(state) is tuple and len(state) == 8 and dtype.order is None:
        version, order, *nothing, size, alignment, flags = state
        numbers = (version, size, alignment, flags)
        plain = all(type(number) is int for number in numbers) and numbers == (3, -1, -1, 0)
        if (
            plain
            and all(part is None for part in nothing)
            and type(order) is str
            and order in ("<", ">")
        ):
            return order
    raise ValueError("a number type that is not plain")


def _numbers(dtype: _DType, content: bytes, count: int) -> np.ndarray[Any, Any]:
    resolved = dtype.resolve()
    if len(content) != resolved.itemsize * count:
        raise ValueError("an array that is cut short")
    return np.frombuffer(content, dtype=resolved).astype(resolved.newbyteorder("="))


def _one_number(dtype: _DType, content: bytes) -> int | float:
    number: int | float = _numbers(dtype, content, 1)[0].item()
    return number

"""Scalers survive; hostile files end in a typed error, and nothing of them runs."""

import gzip
import io
import lzma
import os
import pickle
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from ml.artifacts.scaler_io import MAX_SCALER_BYTES, dump_scaler, load_scaler
from ml.config import ScalerName
from ml.errors import ArtifactError
from ml.features.scaling import Scaler, fit_scaler

VALUES = np.random.default_rng(5).normal(100, 20, (50, 3))
NAMES: tuple[ScalerName, ...] = ("minmax", "standard", "robust")
SCIKIT_LEARN: dict[ScalerName, Any] = {
    "minmax": MinMaxScaler(feature_range=(-1, 1)),
    "standard": StandardScaler(),
    "robust": RobustScaler(),
}


def dumped(value: object, protocol: int = 4, compress: int = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, compress=compress, protocol=protocol)
    return buffer.getvalue()


def assert_same(found: Scaler, expected: Scaler) -> None:
    assert (found.name, found.rows) == (expected.name, expected.rows)
    assert found.numbers.keys() == expected.numbers.keys()
    for name, value in expected.numbers.items():
        np.testing.assert_array_equal(found.numbers[name], value, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_scaler_comes_back_to_the_bit(name: ScalerName) -> None:
    values = VALUES.copy()
    values[:, 1] = 7.0  # silenced
    scaler = fit_scaler(name, values)
    assert_same(load_scaler(dump_scaler(scaler, 3), 3), scaler)


@pytest.mark.parametrize("name", NAMES)
def test_joblib_finds_the_scaler_that_scikit_learn_would_have_fitted(name: ScalerName) -> None:
    low, high = np.quantile(VALUES, (0.005, 0.995), axis=0)
    expected = SCIKIT_LEARN[name].fit(np.clip(VALUES, low, high))
    found = joblib.load(io.BytesIO(dump_scaler(fit_scaler(name, VALUES), 3)))
    assert type(found) is type(expected)
    assert found.get_params() == expected.get_params()
    assert vars(found).keys() == vars(expected).keys()
    for attribute, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, attribute), value, attribute)
    np.testing.assert_array_equal(found.transform(VALUES), expected.transform(VALUES))


@pytest.mark.parametrize("name", NAMES)
def test_scikit_learns_own_dump_loads(name: ScalerName) -> None:
    fitted = SCIKIT_LEARN[name].fit(VALUES)
    loaded = load_scaler(dumped(fitted), 3)
    np.testing.assert_array_equal(loaded.transform(VALUES), fitted.transform(VALUES))


def test_writing_and_reading_a_scaler_does_not_import_scikit_learn() -> None:
    code = (
        "import sys, numpy as np\n"
        "from ml.artifacts.scaler_io import dump_scaler, load_scaler\n"
        "from ml.features.scaling import fit_scaler\n"
        "scaler = fit_scaler('minmax', np.arange(12.0).reshape(4, 3))\n"
        "load_scaler(dump_scaler(scaler, 3), 3)\n"
        "print([name for name in ('sklearn', 'scipy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "scaler",
    [
        MinMaxScaler(clip=True),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        RobustScaler(with_centering=False),
        RobustScaler(with_scaling=False),
    ],
)
def test_a_scaler_that_transforms_otherwise_is_refused(scaler: Any) -> None:
    with pytest.raises(ArtifactError):
        load_scaler(dumped(scaler.fit(VALUES)), 3)


def test_a_scaler_for_other_inputs_is_refused() -> None:
    scaler = fit_scaler("minmax", VALUES)
    content = dump_scaler(scaler, 3)
    with pytest.raises(ArtifactError, match="4 numbers of float64"):
        load_scaler(content, 4)
    with pytest.raises(ArtifactError, match="4 numbers of float64"):
        dump_scaler(scaler, 4)


def test_a_scaler_with_a_number_that_is_not_finite_is_not_written() -> None:
    scaler = fit_scaler("standard", VALUES)
    scaler.numbers["mean_"][0] = np.nan
    with pytest.raises(ArtifactError, match="expected mean_ to be finite"):
        dump_scaler(scaler, 3)


@pytest.mark.parametrize(
    "value", [MaxAbsScaler().fit(VALUES), MinMaxScaler(), VALUES, {"a": 1}, None, 1.0]
)
def test_anything_but_a_fitted_known_scaler_is_refused(value: object) -> None:
    with pytest.raises(ArtifactError):
        load_scaler(dumped(value), 3)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("scale_", np.array([1.0, 1e-300, 1.0])),
        ("scale_", np.array([1.0, -1.0, 1.0])),
        ("scale_", np.array([1.0, np.inf, 1.0])),
        ("scale_", np.array([1.0, np.nan, 1.0])),
        ("scale_", np.ones(4)),
        ("scale_", np.ones((3, 1))),
        ("scale_", np.ones(3, dtype=np.float32)),
        ("scale_", np.array([1, 2, "x"], dtype=object)),
        ("scale_", np.ones(3).view(np.recarray)),
        ("scale_", 1.0),
        ("min_", np.array([1.0, 1e300, 1.0])),
        ("n_features_in_", 4),
        ("n_features_in_", True),
        ("n_samples_seen_", -1),
        ("n_samples_seen_", 0.5),
        ("feature_range", (0, 1e9)),
        ("feature_range", (1, 0)),
        ("feature_range", (0, 1, 2)),
        ("feature_range", (float("nan"), 1.0)),
        ("clip", "yes"),
        ("transform", 3),
        ("inverse_transform", np.ones(3)),
        ("__class__", "x"),
        ("__setstate__", "x"),
        ("feature_names_in_", np.array(["a", "b", "c"])),
    ],
)
def test_a_scaler_with_an_insane_or_foreign_attribute_is_refused(attribute: str, value: object) -> None:
    scaler = MinMaxScaler().fit(VALUES)
    scaler.__dict__[attribute] = value
    with pytest.raises(ArtifactError):
        load_scaler(dumped(scaler), 3)


def test_a_zero_scale_is_refused_where_it_divides() -> None:
    scaler = StandardScaler().fit(VALUES)
    scaler.scale_[1] = 0.0
    with pytest.raises(ArtifactError, match="scale_"):
        load_scaler(dumped(scaler), 3)


def test_a_missing_attribute_is_refused() -> None:
    scaler = MinMaxScaler().fit(VALUES)
    del scaler.data_min_
    with pytest.raises(ArtifactError, match="expected the attributes"):
        load_scaler(dumped(scaler), 3)


# --- hostile pickles: each would leave a file behind if any of it ran


class Call:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.reduced


class CallWithState(Call):
    """Pickles as a call followed by BUILD, SETITEMS and APPENDS."""

    def __reduce__(self) -> Any:
        return (*self.reduced, {"x": 1}, iter([1]), iter([("a", 1)]))


def gadgets(trace: Path) -> dict[str, object]:
    touch = f"open({str(trace)!r}, 'w').close()"
    shell = f"touch {trace}"
    scaler = MinMaxScaler().fit(VALUES)

    def with_attribute(value: object, name: str = "scale_") -> MinMaxScaler:
        copy = MinMaxScaler().fit(VALUES)
        copy.__dict__[name] = value
        return copy

    return {
        "os.system": Call(os.system, shell),
        "os.popen": Call(os.popen, shell),
        "eval": Call(eval, touch),
        "exec": Call(exec, touch),
        "getattr": Call(getattr, Call(__import__, "os"), "system"),
        "import": Call(__import__, "os"),
        "open": Call(open, str(trace), "w"),
        "path": Call(Path.touch, trace),
        "partial": partial(os.system, shell),
        "map": Call(list, Call(map, eval, [touch])),
        "numpy load": Call(np.load, str(trace), None, True),
        "numpy savetxt": Call(np.savetxt, str(trace), [1.0]),
        "numpy fromfile": Call(np.fromfile, str(trace)),
        "numpy memmap": Call(np.memmap, str(trace), "f8", "w+", 0, (3,)),
        "numpy tofile": Call(np.ndarray.tofile, np.ones(3), str(trace)),
        "numpy f2py": Call(np.testing.assert_raises, ZeroDivisionError, eval, touch),
        "pandas pickle": Call(pd.read_pickle, str(trace)),
        "pandas eval": Call(pd.eval, touch),
        "nested pickle": Call(pickle.loads, pickle.dumps(Call(eval, touch))),
        "nested joblib": Call(joblib.load, str(trace)),
        "object array": np.array([Call(eval, touch)], dtype=object),
        "in an array": with_attribute(np.array([Call(eval, touch)] * 3, dtype=object)),
        "in an attribute": with_attribute(Call(eval, touch)),
        "in a parameter": with_attribute((0, Call(eval, touch)), "feature_range"),
        "shadowing transform": with_attribute(Call(eval, touch), "transform"),
        "beside a scaler": [scaler, Call(eval, touch)],
        "with state": CallWithState(eval, touch),
        "huge bytes": Call(bytearray, 10**12),
        "huge array": Call(np.ones, 10**12),
        "code": Call(eval, f"(lambda: {touch})()"),
    }


def wrappings(content: bytes) -> dict[str, bytes]:
    return {
        "raw": content,
        "zlib": zlib.compress(content),
        "gzip": gzip.compress(content),
        "xz": lzma.compress(content),
    }


GADGETS = list(gadgets(Path("unused")))


@pytest.mark.parametrize("gadget", GADGETS)
@pytest.mark.parametrize("protocol", range(6))
def test_hostile_pickles_end_in_a_typed_error_and_run_nothing(
    gadget: str, protocol: int, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    value = gadgets(trace)[gadget]
    contents = [pickle.dumps(value, protocol=protocol), dumped(value, protocol)]
    for content in contents:
        for wrapped in wrappings(content).values():
            with pytest.raises(ArtifactError, match="not a scaler that Tickerflow wrote"):
                load_scaler(wrapped, 3, "x.scaler.pkl")
    assert not trace.exists()


@pytest.mark.parametrize("compress", [3, ("gzip", 3), ("xz", 3), ("bz2", 3), ("lzma", 3)])
def test_a_compressed_scaler_is_refused(compress: Any) -> None:
    with pytest.raises(ArtifactError, match="compressed"):
        load_scaler(dumped(MinMaxScaler().fit(VALUES), compress=compress), 3)


def _frame(body: bytes) -> bytes:
    return b"\x80\x04" + body


HAND_WRITTEN = {
    "empty": b"",
    "protocol only": b"\x80\x04",
    "stop only": b".",
    "dotted name": _frame(b"\x8c\x05numpy\x8c\x0edtype.__call__\x93."),
    "global opcode": _frame(b"cnumpy\ndtype\n."),
    "inst opcode": _frame(b"(ios\nsystem\n."),
    "persistent id": _frame(b"Px\n."),
    "binary persistent id": _frame(b"K\x01Q."),
    "extension": _frame(b"\x82\x01."),
    "extension 2": _frame(b"\x83\x01\x00."),
    "extension 4": _frame(b"\x84\x01\x00\x00\x00."),
    "out of band buffer": b"\x80\x05\x97.",
    "name that is no string": _frame(b"K\x01K\x02\x93."),
    "empty stack": _frame(b"."),
    "pop": _frame(b"0."),
    "no mark": _frame(b"u."),
    "call of a number": _frame(b"K\x01)R."),
    "call of a scaler": _frame(b"\x8c\x1bsklearn.preprocessing._data\x8c\x0cMinMaxScaler\x93)R."),
    "build of nothing": _frame(b"}b."),
    "build of a dictionary": _frame(b"}}b."),
    "unbuilt scaler": _frame(b"\x8c\x1bsklearn.preprocessing._data\x8c\x0cMinMaxScaler\x93)\x81."),
    "bare dtype": _frame(b"\x8c\x05numpy\x8c\x05dtype\x93."),
    "object dtype": _frame(b"\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02O8\x89\x88\x87R."),
    "memo that is not there": _frame(b"h\xff."),
    "long binget": _frame(b"j\xff\xff\xff\xff."),
    "huge frame": _frame(b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f."),
    "huge bytes": _frame(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."),
    "huge text": _frame(b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f."),
    "long integer": _frame(b"\x8b\xff\xff\xff\x7f."),
    "protocol 77": b"\x80\x4d.",
    # a tuple of tuples of tuples: as a key, its hash would take 2 ** 60 steps
    "exponential key": _frame(b"}()" + b"\x94h\x00\x86" * 60 + b"K\x01u."),
    "exponential state": _frame(
        b")\x94" + b"".join(b"h%c\x86\x94" % (n,) * 1 for n in range(60)) + b"."
    ),
}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_hand_written_pickles_end_in_a_typed_error(name: str) -> None:
    with pytest.raises(ArtifactError):
        load_scaler(HAND_WRITTEN[name], 3)


def test_bytes_after_the_end_are_refused() -> None:
    content = dump_scaler(fit_scaler("minmax", VALUES), 3)
    for rest in (b".", b"\x00", content):
        with pytest.raises(ArtifactError, match="after the end"):
            load_scaler(content + rest, 3)


def test_every_truncation_is_refused() -> None:
    content = dump_scaler(fit_scaler("standard", VALUES), 3)
    for length in range(len(content)):
        with pytest.raises(ArtifactError):
            load_scaler(content[:length], 3)


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ArtifactError, match="at most"):
        load_scaler(b"\x80\x04" + b"N" * MAX_SCALER_BYTES, 3)


def test_an_array_that_declares_a_huge_shape_is_refused() -> None:
    content = dumped(MinMaxScaler().fit(VALUES))
    shape = b"\x8c\x05shape\x94K\x03\x85"
    assert shape in content
    for huge in (
        b"J\xff\xff\xff\x7f",
        b"\x8a\x08" + (2**62).to_bytes(8, "little"),
        b"K\x00",
        b"J\xff\xff\xff\xff",
    ):
        with pytest.raises(ArtifactError):
            load_scaler(content.replace(shape, b"\x8c\x05shape\x94" + huge + b"\x85"), 3)


@pytest.mark.parametrize("name", NAMES)
def test_random_mutations_end_in_a_typed_error_or_a_sane_scaler(
    name: ScalerName, mutations: int
) -> None:
    content = dump_scaler(fit_scaler(name, VALUES), 3)
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(mutations):
        mutated = bytearray(content)
        for position in rng.integers(0, len(content), rng.integers(1, 4)):
            mutated[position] = rng.integers(0, 256)
        try:
            scaler = load_scaler(bytes(mutated), 3)
        except ArtifactError:
            refused += 1
        else:
            assert scaler.numbers.keys() == load_scaler(content, 3).numbers.keys()
            assert np.isfinite(scaler.transform(VALUES)).all()
    assert refused > mutations * 0.4

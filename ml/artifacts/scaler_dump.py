"""Writes scikit-learn's scalers as joblib does, without importing scikit-learn.

A pickle refers to a class by name, so a stand-in of the same name gives the same bytes as the class
itself.
"""

import io
import pickle
from functools import cache
from typing import Any

from joblib.numpy_pickle import NumpyPickler

from ml.artifacts.scaler_pickle import SCALER_MODULE, ScalerState


def dump_state(state: ScalerState) -> bytes:
    """What ``joblib.dump`` writes, uncompressed, of a scaler of this class with these attributes."""
    instance = _stand_in(state.name)()
    instance.__dict__.update(state.values)
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=4).dump(instance)
    return buffer.getvalue()


@cache
def _stand_in(name: str) -> type:
    return type(name, (), {"__module__": SCALER_MODULE})


class _Pickler(NumpyPickler):  # type: ignore[misc]  # joblib has no types
    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write a stand-in's name as it is: the ordinary way would import its module to see."""
        if getattr(obj, "__module__", "") != SCALER_MODULE:
            super().save_global(obj, name)
            return
        self.save(SCALER_MODULE)
        self.save(obj.__name__)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

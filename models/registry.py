"""Finds the architectures: every module of this package that calls `register`."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Protocol

from torch import nn

_MODULES_WITHOUT_NETWORK = {"registry", "layers"}


class Config(Protocol):
    """A frozen dataclass of ints and floats, checked in its ``__post_init__``."""

    __dataclass_fields__: Any


@dataclass(frozen=True)
class Architecture:
    """One way to build a network.

    Attributes:
        name: as it stands in configuration and file names.
        config: frozen dataclass of the architecture's own settings.
        network: called with ``(n_inputs, horizon, config)``; all its tensors are in its state dict, for
            a stored one is built without its own and given these.
        solve: for architectures without gradient steps: sets the weights from the mean one-bar change of
            the training bars, in units of their volatility. None where the network is trained.
        fast_alone: whether torch has a fast kernel for it on a CPU. Where it has none, series that train
            together are faster there too.
    """

    name: str
    config: Callable[..., Any]
    network: Callable[[int, int, Any], nn.Module]
    solve: Callable[[nn.Module, float], None] | None = None
    fast_alone: bool = True

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the config's fields."""
        return tuple(field.name for field in fields(self.config))  # type: ignore[arg-type]


_registry: dict[str, Architecture] = {}


def register(architecture: Architecture) -> None:
    """Add an architecture; called once, at the end of its file."""
    for other in _registry:
        # `cnn` and ticker `lstm_X` would share their file names with `cnn_lstm` and ticker `X`.
        if other.startswith(architecture.name + "_") or architecture.name.startswith(other + "_"):
            raise ValueError(f"{architecture.name!r} and {other!r} would make file names ambiguous")
    _registry[architecture.name] = architecture


@cache
def architectures() -> Mapping[str, Architecture]:
    """All architectures by name, sorted."""
    package = importlib.import_module("models")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _MODULES_WITHOUT_NETWORK:
            importlib.import_module(f"models.{module.name}")
    return dict(sorted(_registry.items()))


def build(name: str, n_inputs: int, horizon: int, config: Mapping[str, int | float]) -> nn.Module:
    """Build a network, on the CPU, with fresh weights from torch's current seed.

    Raises:
        KeyError: there is no such architecture.
        TypeError, ValueError: the config does not fit it.
    """
    architecture = architectures()[name]
    return architecture.network(n_inputs, horizon, architecture.config(**config))

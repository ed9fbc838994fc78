"""Where each value of the settings comes from: flag, environment, file or default."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ml.config import Settings

FILE = "tickerflow.toml"


def provenance(settings: Settings, overrides: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Yield ``("train.epochs", 30, "default")`` for every value."""
    file = Path(FILE)
    in_file = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    environment = {name.upper(): name for name in os.environ}
    for path, value in _leaves(settings, ()):
        variables = [
            "TICKERFLOW_" + "__".join(path[:depth]).upper() for depth in range(len(path), 0, -1)
        ]
        variable = next((environment[name] for name in variables if name in environment), None)
        if _has(overrides, path):
            source = "--" + path[-1].replace("_", "-")
        elif variable is not None:
            source = variable
        elif _has(in_file, path):
            source = FILE
        else:
            source = "default"
        yield ".".join(path), value, source


def _leaves(model: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _has(tree: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return False
        tree = tree[name]
    return True

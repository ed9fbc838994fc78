"""Turning what numpy and pandas give into plain JSON values, and bounding what a file gives."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from ml.errors import ArtifactError

_MAX_DEPTH = 8
_MAX_ITEMS = 4096
_MAX_TEXT = 4096


def plain(value: Any) -> Any:
    """numpy scalars and arrays, tuples, dates, paths and pydantic models as JSON's own types."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, date):  # datetime and Timestamp are dates
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


def check_figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures, or raise `ValueError` where they are too many, too deep or not finite."""
    _check(figures, 0)
    return figures


def dump_json(value: dict[str, Any], where: str) -> bytes:
    """JSON of an evaluation; raises `ArtifactError` for a NaN or for what is no JSON at all."""
    try:
        return json.dumps(plain(value), allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"expected finite numbers and plain values to write as JSON, found other: {error}",
            where=where,
        ) from error


def parse_json(content: bytes, where: str) -> dict[str, Any]:
    """Read what `dump_json` wrote; raises `ArtifactError` for anything but a JSON object."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"expected a JSON object, found none: {error}", where=where) from error
    if not isinstance(value, dict):
        raise ArtifactError(f"expected a JSON object, found a {type(value).__name__}", where=where)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH}")
    if isinstance(value, dict):
        _check_length(value, _MAX_ITEMS)
        for name, item in value.items():
            _check_length(name, _MAX_TEXT)
            _check(item, depth + 1)
    elif isinstance(value, list):
        _check_length(value, _MAX_ITEMS)
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, str):
        _check_length(value, _MAX_TEXT)
    elif isinstance(value, int | float) and not -1e300 < value < 1e300:
        raise ValueError("a number that is not finite")


def _check_length(value: dict[str, Any] | list[Any] | str, most: int) -> None:
    if len(value) > most:
        raise ValueError(f"{len(value)} items where at most {most} can be")

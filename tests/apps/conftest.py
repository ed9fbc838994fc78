from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.commands import app


@dataclass(frozen=True)
class House:
    """A raw folder and the folders that a command writes to, with a way to call it."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def options(self) -> list[str]:
        names = {"raw": "raw", "store": "store", "models": "models", "predictions": "predictions"}
        return [part for name in names for part in (f"--{name}-dir", str(self.root / name))]


@dataclass(frozen=True)
class Called:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Called]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def run(house: House) -> Run:
    """Call the command line in this process, with the folders of `house`."""

    def call(*arguments: str) -> Called:
        result = CliRunner().invoke(app, [*arguments, *house.options], catch_exceptions=False)
        return Called(result.exit_code, result.stdout, result.stderr)

    return call

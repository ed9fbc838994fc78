"""What the judge and the contenders hand each other, as files in the folder of a run.

protocol.json              the settings
series.npz                 the closes
<contender>/forecasts.npz  closes forecast, (anchors, horizon) for each series
<contender>/account.json   seconds, memory, versions
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.windows import Floats, Positions, first_held_out, held_out_anchors

_PROTOCOL, _SERIES, _FORECASTS, _ACCOUNT = (
    "protocol.json",
    "series.npz",
    "forecasts.npz",
    "account.json",
)


@dataclass(frozen=True)
class Protocol:
    """What all contenders are asked, and the size of the peers' networks.

    Attributes:
        horizon: steps of each forecast.
        test_share: share of bars that are held out, the newest.
        val_share: share of all bars, the last before those, on which a peer may validate.
        input_size: bars that a peer's network sees.
        hidden_size: units of a peer's one recurrent layer.
        batch_size: windows in a training step of a peer.
        steps: optimiser steps of a peer at most.
        seed: of weights and shuffling.
    """

    horizon: int = 10
    test_share: float = 0.2
    val_share: float = 0.15
    input_size: int = 60
    hidden_size: int = 64
    batch_size: int = 64
    steps: int = 480
    seed: int = 7


@dataclass(frozen=True)
class Series:
    """One series' closes ``(n,)``, and what of them may be used when."""

    name: str
    close: Floats
    protocol: Protocol

    @property
    def split(self) -> int:
        """Position of the first held-out bar."""
        return first_held_out(len(self.close), self.protocol.test_share)

    @property
    def past(self) -> Floats:
        """All that a contender may train and validate on."""
        return self.close[: self.split]

    @property
    def n_validation(self) -> int:
        """How many of the last bars of ``past`` are for validation."""
        return int(len(self.close) * self.protocol.val_share + 1e-6)

    @property
    def anchors(self) -> Positions:
        """Origins of the forecasts."""
        return held_out_anchors(len(self.close), self.protocol.test_share, self.protocol.horizon)


@dataclass(frozen=True)
class Account:
    """What a contender says about its run; seconds are of wall and of CPU, by series."""

    fit_seconds: Mapping[str, float]
    fit_cpu_seconds: Mapping[str, float]
    forecast_seconds: Mapping[str, float]
    forecast_cpu_seconds: Mapping[str, float]
    peak_mb: float
    versions: Mapping[str, str]
    threads: int
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """What a command over all series took, its start included; ``peak_mb`` of all its processes."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    n_series: int
    workers: int


def write_task(folder: Path, protocol: Protocol, closes: Mapping[str, Floats]) -> None:
    """Write what the contenders read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _PROTOCOL).write_text(json.dumps(asdict(protocol), indent=1), encoding="utf-8")
    np.savez(folder / _SERIES, **dict(closes))  # type: ignore[arg-type]  # numpy's stub knows a flag


def has_task(folder: Path) -> bool:
    """Whether a run has begun there."""
    return (folder / _SERIES).exists()


def has_answer(folder: Path) -> bool:
    """Whether a contender is done; its account is written last."""
    return (folder / _ACCOUNT).exists()


def read_task(folder: Path) -> list[Series]:
    """The series of a run, in their order."""
    protocol = Protocol(**json.loads((folder / _PROTOCOL).read_text(encoding="utf-8")))
    with np.load(folder / _SERIES) as closes:
        return [Series(name, closes[name], protocol) for name in closes.files]


def write_answer(folder: Path, forecasts: Mapping[str, Floats], account: Account) -> None:
    """Write a contender's forecasts and account."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / _FORECASTS, **dict(forecasts))  # type: ignore[arg-type]
    (folder / _ACCOUNT).write_text(json.dumps(asdict(account), indent=1), encoding="utf-8")


def write_champion(folder: Path, forecasts: Mapping[str, Floats], models: Mapping[str, str]) -> None:
    """Write the forecasts of what Tickerflow promoted, and the architecture of each."""
    np.savez(folder / "champion.npz", **dict(forecasts))  # type: ignore[arg-type]
    (folder / "champion.json").write_text(json.dumps(dict(models), indent=1), encoding="utf-8")


def read_champion(folder: Path) -> tuple[dict[str, Floats], dict[str, str]]:
    """What `write_champion` wrote."""
    with np.load(folder / "champion.npz") as arrays:
        forecasts = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    return forecasts, json.loads((folder / "champion.json").read_text(encoding="utf-8"))


def write_command(folder: Path, account: Command) -> None:
    """Write what a whole command took."""
    (folder / _ACCOUNT).write_text(json.dumps(asdict(account), indent=1), encoding="utf-8")


def read_command(folder: Path) -> Command:
    """What `write_command` wrote."""
    return Command(**json.loads((folder / _ACCOUNT).read_text(encoding="utf-8")))


def read_answer(folder: Path, series: list[Series]) -> tuple[dict[str, Floats], Account]:
    """A contender's forecasts and account.

    Raises ValueError where a forecast is missing, has another shape, or is no price.
    """
    account = Account(**json.loads((folder / _ACCOUNT).read_text(encoding="utf-8")))
    with np.load(folder / _FORECASTS) as arrays:
        forecasts = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    for one in series:
        expected = (len(one.anchors), one.protocol.horizon)
        found = forecasts.get(one.name)
        if found is None or found.shape != expected or not np.isfinite(found).all():
            shape = "none" if found is None else f"{found.shape}"
            raise ValueError(f"{folder.name}, {one.name}: expected finite {expected}, found {shape}")
    return forecasts, account

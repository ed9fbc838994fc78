"""meta.json: all that is known about a version, beside its weights and its scaler.

It comes from a file, so each number, string and list in it is bounded. Its own digest, over the parsed
content, makes a flipped byte an error; it is no signature: whoever can write the file can compute it.
"""

import hashlib
import json
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from ml.artifacts.plain import check_figures, plain
from ml.config import Mode
from ml.errors import ArtifactError, ArtifactFormatError, SeriesNameError
from ml.forecasting.spec import ForecastSpec, Frozen
from ml.series import SeriesKey

FORMAT = 1
MAX_META_BYTES = 4 * 2**20
MAX_FILES = 4096  # a vendor may give one for each day: the first ones are named

VERSION_PATTERN = r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$"

Version = Annotated[str, Field(pattern=VERSION_PATTERN)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Figures = Annotated[dict[str, JsonValue], BeforeValidator(plain), AfterValidator(check_figures)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Stopped = Literal["early", "epochs", "deadline", "diverged", "solved"]
Verdict = Literal["promoted", "forced", "rolled_back", "demoted", "rejected"]


class Part(Frozen):
    """Base of meta.json's sections."""

    model_config = ConfigDict(str_max_length=4096)


class Data(Part):
    """The bars that the model was made from."""

    fingerprint: str = Field(max_length=128, description="sha256 of the stored bars' content")
    rows: Count
    first: AwareDatetime
    last: AwareDatetime
    files: tuple[str, ...] = Field((), max_length=MAX_FILES)
    calendar: str = Field("", max_length=64)


class SplitPart(Part):
    """One of the three stretches: its first and last bar, and how many windows lie in it."""

    first: AwareDatetime
    last: AwareDatetime
    windows: Count

    def anchors(self, stamps: pd.DatetimeIndex) -> NDArray[np.int64]:
        """Positions of the windows' last bars among the series' stamps, ``(windows,)``.

        They are those of the bars that the model was trained on; other bars may lack some of them.
        """
        first = int(stamps.searchsorted(pd.Timestamp(self.first)))
        return np.arange(first, first + self.windows, dtype=np.int64)


class Split(Part):
    """Chronological: train, validation, test, with ``gap`` bars between them.

    Of a refit, train reaches over the others: validation are the windows that gain and intervals come
    from, test are those that the metrics were measured on, both by a fit that had not learnt from them.
    """

    train: SplitPart
    validation: SplitPart
    test: SplitPart
    gap: Count


class Training(Part):
    """How the weights came about."""

    config: Figures = Field(description="The TrainConfig")
    seed: int = Field(ge=0, lt=2**32)
    epochs_run: Count
    best_epoch: Count
    stopped: Stopped
    seconds: float = Field(ge=0)
    device: str = Field(max_length=128)
    skew: float | None = Field(
        None, ge=0, description="Largest difference of forecasts as trained and as served, in sigma"
    )
    fit_id: str = Field(max_length=128, description="Identity of (bars, configuration, training code)")
    mode: Mode = "scratch"
    source: Version | None = Field(
        None, description="The version whose weights or configuration this training started from"
    )
    learnt_until: AwareDatetime | None = Field(
        None, description="The last bar that weights, scaler, gain or intervals have learnt from"
    )
    measured_on: str = Field("", description="What the metrics were measured on, in words")
    note: str = Field("", description="Why the mode is another than the one that was asked for")
    epochs_behind: Count | None = Field(
        None, description="Epochs behind the weights, with those of the weights they started from"
    )
    tuned: str = Field("", description="The study that chose values of the configuration, if one did")


class Decision(Part):
    """Why this version is what it is."""

    verdict: Verdict
    reason: str = Field(description="A readable sentence with numbers")
    skill: float | None = Field(None, description="1 - MAE / MAE of the random walk, on test bars")
    proven: bool = Field(False, description="Significantly better than the random walk")
    verdicts: Figures = Field(
        {}, description="Against walk, drift and champion: standing, p-values, effect, windows, by step"
    )
    figures: Figures = Field({}, description="What else the verdict rests on")


class Digests(Part):
    """sha256 of the files beside meta.json, and of meta.json without this one."""

    pth: Sha256
    scaler: Sha256
    meta: Sha256 | Literal[""] = ""


class Meta(ForecastSpec):
    """One version of one series' model.

    The store fills ``version`` and ``sha256`` when it stages, ``parent``, ``generation`` and
    ``promoted_at`` when it promotes: leave them out. ``decision`` is needed from then on.
    """

    model_config = ConfigDict(str_max_length=4096)

    format: Literal[1] = 1
    ticker: str = Field(max_length=64)
    interval: str = Field(max_length=8)
    version: Version | Literal[""] = ""
    created_at: AwareDatetime
    data: Data
    split: Split
    training: Training
    libraries: dict[str, str] = Field(max_length=64)
    metrics: Figures
    baselines: Figures
    certificate: Figures = Field({}, description="What was perturbed, and that nothing past moved")
    decision: Decision | None = None
    parent: Version | None = Field(None, description="The champion before this version")
    generation: int = Field(
        0, ge=0, le=2**53, description="Fence: one more at each promotion of a series"
    )
    promoted_at: AwareDatetime | None = None
    sha256: Digests | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Meta":
        try:
            SeriesKey.of(self.ticker, self.interval)
        except SeriesNameError as error:
            raise ValueError(error.message) from error
        if self.generation and (self.promoted_at is None or self.decision is None):
            raise ValueError("expected promoted_at and decision in a promoted version")
        return self

    @property
    def key(self) -> SeriesKey:
        """The series."""
        return SeriesKey.of(self.ticker, self.interval)

    @property
    def digests(self) -> Digests:
        """``sha256`` of a version that the store has written; every meta that it returns has one."""
        assert self.sha256 is not None
        return self.sha256


def dump_meta(meta: Meta) -> bytes:
    """meta.json's bytes, with its own digest filled in; floats survive to the bit."""
    digest = _digest(meta.model_dump(mode="json"))
    sealed = meta.model_copy(update={"sha256": meta.digests.model_copy(update={"meta": digest})})
    # pydantic's own writer: with an indent, Python's json runs without its C code.
    return sealed.model_dump_json(indent=2).encode() + b"\n"


# Deciding about one series, the same bytes are read several times over: the champion's, to compare, to
# replace and to report.
@lru_cache(maxsize=16)
def parse_meta(content: bytes, where: str) -> Meta:
    """Check and read a meta.json that the store has written; the same bytes give the same object.

    Raises:
        ArtifactFormatError: written by a newer Tickerflow.
        ArtifactError: anything else that is not a complete, bounded, undamaged meta.json.
    """
    try:
        document = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"found no JSON: {error}", where) from error
    _check_format(document, where)
    try:
        meta = Meta.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"{field or 'document'}: {first['msg']}", where) from error
    if meta.version == "" or meta.sha256 is None:
        raise _malformed("expected a version and sha256", where)
    found = _digest(document)
    if meta.sha256.meta != found:
        raise _malformed(f"expected a content of sha256 {meta.sha256.meta}, found {found}", where)
    return meta


def version_name(created_at: datetime, *content: bytes) -> str:
    """``20261122T115000Z-1a2b3c4d``: UTC time and the first eight hex digits of the content's sha256."""
    digest = hashlib.sha256()
    for part in content:
        digest.update(hashlib.sha256(part).digest())
    return f"{created_at:%Y%m%dT%H%M%SZ}-{digest.hexdigest()[:8]}"


def _check_format(document: object, where: str) -> None:
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is not int or found < 1:
        raise _malformed(f"expected an object with format 1 to {FORMAT}", where)
    if found > FORMAT:
        raise ArtifactFormatError(
            f"expected format {FORMAT} or lower, found format {found}: written by a newer Tickerflow",
            hint="upgrade this Tickerflow, or train again with it",
            where=where,
        )


def _digest(document: dict[str, Any]) -> str:
    sealed = {**document, "sha256": {**document["sha256"], "meta": ""}}
    canonical = json.dumps(sealed, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _malformed(problem: str, where: str) -> ArtifactError:
    return ArtifactError(
        f"not a valid meta.json: {problem}",
        hint="damaged or edited: go back with `tickerflow models rollback`, or train again",
        where=where,
    )

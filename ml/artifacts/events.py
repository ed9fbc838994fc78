"""What happened to a series' champion, generation by generation: promotions, rollbacks, demotions.

One small file for each generation. It is written before the commit that it
tells of, and its generation says whether that commit ever came: one above the champion's did not, and is
written over by the promotion that gets that generation. A version that serves a second time, after a
rollback, has a file for each time.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from ml.artifacts.files import read_bytes
from ml.artifacts.layout import Layout
from ml.artifacts.meta import Meta, Part, Verdict, Version
from ml.config import Mode
from ml.errors import ArtifactError
from ml.outcomes import Failure
from ml.series import SeriesKey

_MAX_BYTES: Final = 2**16
_NAME: Final = re.compile(r"([0-9]{10,16})\.json")


class Event(Part):
    """One change of a series' champion, or a challenger that did not become one.

    ``version`` and ``before`` are the champion from then on and the one until then; of a rejected
    challenger, itself and the champion that stayed.
    """

    format: Literal[1] = 1
    generation: int = Field(
        ge=0, le=2**53, description="0: it was none, for the challenger was rejected"
    )
    at: AwareDatetime
    verdict: Verdict
    version: Version
    before: Version | Literal[""] = ""
    model: str = Field(max_length=32)
    mode: Mode = "scratch"
    skill: float | None = None
    proven: bool = False
    reason: str = ""
    by: str = Field("", max_length=256)

    @classmethod
    def of(cls, meta: Meta, at: datetime, before: str, by: str = "") -> "Event":
        """The event that made a meta's version the champion; of one that lost, its rejection."""
        decision = meta.decision
        assert decision is not None
        return cls(
            generation=0 if decision.verdict == "rejected" else meta.generation,
            at=at,
            verdict=decision.verdict,
            version=meta.version,
            before=before,
            model=meta.model,
            mode=meta.training.mode,
            skill=decision.skill,
            proven=decision.proven,
            reason=decision.reason,
            by=by,
        )


def event_path(layout: Layout, key: SeriesKey, generation: int) -> Path:
    """Where the event of a generation is."""
    return layout.events(key) / f"{generation:010d}.json"


def dump_event(event: Event) -> bytes:
    """The file's bytes."""
    return event.model_dump_json(indent=1).encode() + b"\n"


def read_events(
    layout: Layout, key: SeriesKey, until: int, after: int = 0
) -> dict[int, Event | Failure]:
    """The events of the generations ``after`` one up to another; a damaged one is a failure."""
    found: dict[int, Event | Failure] = {}
    folder = layout.events(key)
    try:
        names = [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return found
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None or not after < int(match[1]) <= until:
            continue
        try:
            found[int(match[1])] = _read(layout, folder / name, int(match[1]))
        except FileNotFoundError:
            continue
        except ArtifactError as error:
            found[int(match[1])] = Failure.of(error)
    return found


def _read(layout: Layout, path: Path, generation: int) -> Event:
    try:
        event = Event.model_validate_json(read_bytes(path, layout.root, _MAX_BYTES), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _damaged(path, str(first["msg"])) from error
    if event.generation != generation:
        raise _damaged(path, f"expected generation {generation}, found {event.generation}")
    return event


def _damaged(path: Path, problem: str) -> ArtifactError:
    return ArtifactError(
        f"not a valid event of a series: {problem}",
        hint="it is history alone, and may be removed: what serves does not depend on it",
        where=str(path),
    )

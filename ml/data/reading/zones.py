"""Zones: what a stamp's suffix or a header says, and local time to UTC across clock changes."""

import re
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data.reading.overrides import override_text
from ml.errors import AmbiguousFileError

# Hours east of Greenwich; only what means one thing to those who print it beside market data.
_HOURS: dict[str, float] = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "CET": 1, "MEZ": 1, "WEST": 1, "CEST": 2, "MESZ": 2, "EET": 2,
    "SAST": 2, "EEST": 3, "MSK": 3, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10,
    "AEDT": 11, "NZST": 12, "NZDT": 13, "BRT": -3, "EDT": -4, "EST": -5, "CDT": -5, "MDT": -6, "MST": -7,
    "PDT": -7, "PST": -8,
}  # fmt: skip
_NAMED = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "PT": "America/Los_Angeles",
    "AM": "",
    "PM": "",
}
_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([+-])(\d{1,2}):?(\d{2})?(?::\d{2})?")


def read_zone(text: str) -> int | str | None:
    """Seconds east of Greenwich for an offset, a zone's name, or None for what means several things."""
    match = _OFFSET.fullmatch(text)
    if match is not None:
        seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
        return -seconds if match[1] == "-" else seconds
    if text in _HOURS:
        return int(_HOURS[text] * 3600)
    name = _NAMED.get(text, text.strip("[]"))
    return name if "/" in name and is_zone(name) else None


def is_zone(name: str) -> bool:
    """Whether this machine's zone database knows the name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def zone_in_name(header: str) -> str | None:
    """The zone that a header states: ``Gmt time``, ``timestamp_utc``, ``Date (America/New_York)``."""
    match = re.search(r"[A-Z][A-Za-z]+/[A-Za-z_/]+", header)
    if match is not None and is_zone(match[0]):
        return match[0]
    words = set(re.split(r"[^a-z]+", header.lower()))
    return "UTC" if words & {"utc", "gmt"} else None


def ambiguous_zone(text: str, filename: str) -> AmbiguousFileError:
    """The error for a suffix such as IST: India, Israel or Ireland."""
    return AmbiguousFileError(
        f"expected stamps with an offset or an unambiguous zone, found {text!r}",
        hint="write the zone that is meant into overrides.toml, for example:\n"
        + override_text(filename, timezone="Asia/Kolkata" if text == "IST" else "Europe/London"),
        where=filename,
    )


def to_utc(wall: NDArray[np.datetime64], zone: str) -> NDArray[np.datetime64]:
    """Local wall-clock times ``(n,)`` in ``zone`` as UTC; NaT for those that never were.

    An hour that the clock shows twice is resolved by order: within a run of such stamps the first pass
    is summer time, and a step back begins the second (the other way round in a descending file).
    """
    if zone == "UTC":
        return wall
    index = pd.DatetimeIndex(wall)
    tz = ZoneInfo(zone)
    summer = index.tz_localize(tz, ambiguous=np.ones(len(index), dtype=bool), nonexistent="NaT")
    winter = index.tz_localize(tz, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="NaT")
    first = summer.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[ns]", copy=True)
    second = winter.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[ns]")
    doubtful = np.flatnonzero((first != second) & ~np.isnat(first))
    if len(doubtful) == 0:
        return first
    steps = np.diff(wall.astype(np.int64))
    descending = (steps < 0).sum() > (steps > 0).sum()
    if descending:
        doubtful = doubtful[::-1]
    use_second, late, previous = [], False, None
    for position in doubtful:
        stamp = wall[position]
        if previous is None or abs(stamp - previous) > np.timedelta64(3, "h"):
            late = False
        elif stamp <= previous:
            late = True
        previous = stamp
        if late:
            use_second.append(position)
    first[use_second] = second[use_second]
    return first

"""The override file: what cannot be guessed about a CSV, said explicitly.

A TOML file, ``overrides.toml`` in the raw folder, with one table for each file name, ticker or pattern::

    ["AAPL_1d.csv"]              # one file
    day_first = true             # 03/04/2020 is the 3rd of April

    ["EURUSD"]                   # every file of a ticker
    timezone = "America/New_York"

    ["BROKER*_1h_*.csv"]         # every file whose name fits; only * and ? are special
    delimiter = ";"
    columns = { timestamp = "Date", open = 1, high = 2, low = 3, close = 4 }
"""

import json
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ml.errors import OverrideError
from ml.series import SeriesKey

Role = Literal["timestamp", "time", "open", "high", "low", "close", "volume", "symbol"]


_REPLACE = "check the path and the permissions, or remove it"


class Override(BaseModel):
    """An explicit reading of a file; what is not set is still recognised by content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[Role, str | int] = Field(
        {}, description="Role to header name or 0-based position; time is a separate time-of-day column"
    )
    timezone: str | None = Field(None, description="Zone of stamps without an offset")
    date_format: str | None = Field(None, min_length=2, description="strptime format of the stamps")
    day_first: bool | None = Field(None, strict=True, description="03/04 is the 3rd of April")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="Between fields; ' ' is runs"
    )
    encoding: str | None = Field(None, description="Such as cp1251 or shift_jis")
    decimal: Literal[".", ","] | None = Field(None, description="The decimal sign")
    header_rows: int | None = Field(None, ge=0, le=20, description="Lines of the header; 0 is no header")
    skip_rows: int | None = Field(
        None, ge=0, le=100_000, description="Lines before the header or the data"
    )
    symbol: str | None = Field(None, min_length=1, description="The file's own name for this series")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(
                    f"unknown time zone {zone!r}; write one such as America/New_York"
                ) from error
        return zone

    @field_validator("columns")
    @classmethod
    def _sane_columns(cls, columns: dict[Role, str | int]) -> dict[Role, str | int]:
        for role, column in columns.items():
            if isinstance(column, bool) or (isinstance(column, int) and column < 0):
                raise ValueError(
                    f"{role}: expected a header name or a position from 0, found {column!r}"
                )
        return columns


@dataclass(frozen=True, slots=True)
class Overrides:
    """All tables of an override file, in file order."""

    tables: Mapping[str, Override]

    def for_file(self, key: SeriesKey, filename: str) -> Override | None:
        """What the tables say about a file, the more specific over the more general.

        Patterns in file order, then the ticker, then ``{ticker}_{interval}``, then the file's own name.
        """
        exact = [name for name in (key.ticker, key.stem, filename) if name in self.tables]
        patterns = [name for name in self.tables if name not in exact and _fits(name, filename)]
        merged: dict[str, object] = {}
        for name in patterns + exact:
            merged |= self.tables[name].model_dump(exclude_unset=True)
        return Override.model_validate(merged) if merged else None


def _fits(pattern: str, filename: str) -> bool:
    # Not fnmatch: the brackets in a file name such as X[A]_1d.csv are to be taken literally.
    if "*" not in pattern and "?" not in pattern:
        return False
    return (
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), filename) is not None
    )


def load_overrides(path: Path, *, required: bool = False) -> Overrides:
    """Read an override file; one that does not exist says nothing, unless it is ``required``.

    Raises `OverrideError` for one that cannot be read or does not fit the schema.
    """
    where = path.name
    try:
        # Opening a FIFO would wait for a writer for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise OverrideError(
                "expected an override file, found no regular file", hint=_REPLACE, where=where
            )
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        if not required:
            return Overrides({})
        raise OverrideError(
            f"expected an override file, found none at {path.absolute()}",
            hint="check the path; without one, overrides.toml in the raw folder is taken if it is there",
            where=where,
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, tomllib.TOMLDecodeError | UnicodeDecodeError):
            raise OverrideError(
                f"expected TOML, found: {error}", hint="see the example in the guide", where=where
            ) from error
        reason = getattr(error, "strerror", None) or str(error)
        raise OverrideError(
            f"expected a readable override file, found: {reason}", hint=_REPLACE, where=where
        ) from error
    tables: dict[str, Override] = {}
    for name, table in content.items():
        try:
            tables[name] = Override.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "table"
            raise OverrideError(
                f"in [{json.dumps(name)}] {field}: {first['msg']}",
                hint=f"known keys: {', '.join(Override.model_fields)}",
                where=where,
            ) from error
    return Overrides(tables)


def override_text(filename: str, **settings: object) -> str:
    """The TOML table to paste into the override file."""
    lines = [f"[{json.dumps(filename, ensure_ascii=False)}]"]
    for name, value in settings.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
            lines.append(f"{name} = {{ {inner} }}")
        else:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines)

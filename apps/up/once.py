"""One `tickerflow up` over a store, and over Prefect's folder; a second one hears of the first."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ml.errors import StoreError, UsageError

_LOCK, _CARD = ".up.lock", ".up.json"


@contextmanager
def only_one(folder: Path, hint: str) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Hold the folder for the block; yield what leaves there where the pages are.

    The lock is the kernel's: it is gone when its process is.

    Raises:
        UsageError: another `tickerflow up` has it; says which, since when and where its pages are.
        StoreError: the folder cannot be written.
    """
    lock, card = FileLock(folder / _LOCK), folder / _CARD
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"expected one tickerflow up over {folder.absolute()}, found that {_who(card)}", hint=hint
        ) from error
    except OSError as error:
        raise StoreError(
            f"expected to write to {folder.absolute()}, found: {error.strerror or error}",
            hint="choose a folder that can be written",
        ) from error
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def sign(addresses: Mapping[str, str]) -> None:
        card.write_text(json.dumps({"pid": os.getpid(), "since": since, "addresses": dict(addresses)}))

    try:
        sign({})
        yield sign
    finally:
        with suppress(OSError):
            card.unlink()
        lock.release()


def _who(card: Path) -> str:
    try:
        told = json.loads(card.read_text())
        pages = ", ".join(f"{name} {url}" for name, url in told["addresses"].items())
        return f"process {told['pid']} runs since {told['since']}" + (f": {pages}" if pages else "")
    except (OSError, ValueError, KeyError, TypeError):
        return "another one runs"

"""Ingests many series without Prefect: in this process where there is little, in several where not."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress

from apps.interrupting import ignore
from ml.config import Settings
from ml.data.discovery import RawSeries
from ml.data.ingest import ingest_series
from ml.errors import TickerflowError
from ml.outcomes import Failure, IngestOutcome

# A new process costs some 3 s of imports: less than it saves from about this many bytes on.
_WORTH_PROCESSES_BYTES = 100_000_000


def ingest_all(series: Sequence[RawSeries], settings: Settings) -> Iterator[IngestOutcome]:
    """Yield each series' outcome as it is done; never raises for one series."""
    workers = min(settings.run.workers, len(series))
    if workers < 2 or _bytes(series) < _WORTH_PROCESSES_BYTES:
        for raw in series:
            yield _ingest(raw, settings)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=ignore
    )
    try:
        for future in as_completed([pool.submit(_ingest, raw, settings) for raw in series]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _ingest(raw: RawSeries, settings: Settings) -> IngestOutcome:
    try:
        return ingest_series(raw, settings)
    except Exception as error:  # noqa: BLE001  # one series must not take the others with it
        code = error.code if isinstance(error, TickerflowError) else TickerflowError.code
        failure = Failure(code=code, message=f"{type(error).__name__}: {error}", where=str(raw.key))
        return IngestOutcome(
            ticker=raw.key.ticker, interval=str(raw.key.interval), status="rejected", failure=failure
        )


def _bytes(series: Sequence[RawSeries]) -> int:
    total = 0
    for raw in series:
        for path in raw.files:
            with suppress(OSError):
                total += path.stat().st_size
    return total

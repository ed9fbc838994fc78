"""What a power failure may leave of a series, and that reading notices.

Bars and sidecar are renamed to their names one after the other, and the folder is flushed behind the
second: until then either name may come back to what it was, whatever the order of the renames.
"""

from itertools import product

import pytest

from ml.config import Settings
from ml.data import store
from ml.data.ingest import ingest_series
from tests.ml.data.raw_files import only, put, rows, stored

BARS, SIDECAR = "TEST_1d.parquet", "TEST_1d.ingest.json"


def _left(settings: Settings, first: bool) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The store's files before and after the ingest of longer files, or of the first ones."""
    before: dict[str, bytes] = {}
    if not first:
        put(settings, "TEST_1d.csv", rows(30))
        ingest_series(only(settings), settings)
        before = stored(settings)
    put(settings, "TEST_1d.csv", rows(40))
    ingest_series(only(settings), settings)
    return before, stored(settings)


@pytest.mark.parametrize("first", [True, False], ids=["first ingest", "later ingest"])
@pytest.mark.parametrize(("bars", "sidecar"), list(product(["before", "after"], repeat=2)))
def test_bars_and_sidecar_of_two_ingests_are_not_taken_for_one(
    settings: Settings, first: bool, bars: str, sidecar: str
) -> None:
    before, after = _left(settings, first)
    for name, kept in ((BARS, bars), (SIDECAR, sidecar)):
        path = settings.store_dir / name
        path.unlink()
        content = (before if kept == "before" else after).get(name)
        if content is not None:
            path.write_bytes(content)
    key = only(settings).key
    found = store.read_sidecar(settings.store_dir, key)
    if bars == sidecar and not (first and bars == "before"):
        assert found is not None
        assert found.outcome.rows == len(store.read_bars(settings.store_dir, key))
    else:
        assert found is None
    outcome = ingest_series(only(settings), settings)
    assert outcome.unchanged == (bars == sidecar == "after")
    assert outcome.rows == len(store.read_bars(settings.store_dir, key)) == 40
    assert stored(settings)[BARS] == after[BARS]
    assert store.read_sidecar(settings.store_dir, key) is not None

"""What a promotion costs, in counts: a time would depend on the machine, these do not.

Whoever makes them grow has to change them here, and to say why.
"""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

from ml.config import Settings
from ml.evaluation.promotion import promote_series
from ml.outcomes import Challenger, TrainOutcome
from ml.series import SeriesKey
from ml.training.trainer import train_series
from tests.stored import quick_settings, store_bars
from tests.synthetic import make_bars

MODULES = Path(__file__).parents[3]
BLOCKS = 7  # of the horizon, until the network counts less than 1%
ORIGINS = 12

# A C function by module and name, a Python one by file and name.
COUNTED = {
    ("posix", "fsync"): "flushes",
    ("posix", "rename"): "renames",
    ("posix", "replace"): "renames",
    ("posix", "unlink"): "removals",
    ("ml/artifacts/files.py", "write_new"): "files written",
    ("ml/artifacts/files.py", "read_bytes"): "model files read",
    ("ml/artifacts/weights_io.py", "load_weights"): "weights decoded",
    ("ml/artifacts/weights_io.py", "dump_weights"): "weights encoded",
    ("ml/artifacts/scaler_io.py", "load_scaler"): "scalers decoded",
    ("ml/artifacts/meta.py", "parse_meta"): "metas parsed",
    ("ml/artifacts/meta.py", "dump_meta"): "metas written",
    ("ml/data/store.py", "read_bars"): "bars read",
    ("ml/features/inputs.py", "inputs_of"): "inputs computed",
    ("models/lstm.py", "forward"): "network calls",
    ("ml/evaluation/pen.py", "png"): "pictures",
}


class Counts:
    """Counts calls of this thread while it is open, and notes which folders the store lists."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.listed: set[Path] = set()

    def __enter__(self) -> "Counts":
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, function: object) -> None:
        if event == "c_call":
            found = (getattr(function, "__module__", None), getattr(function, "__name__", ""))
        elif event == "call":
            file, name = frame.f_code.co_filename, frame.f_code.co_name
            if not file.startswith(str(MODULES)):
                return
            found = (Path(file).relative_to(MODULES).as_posix(), name)
            if found == ("ml/artifacts/layout.py", "_names"):
                self.listed.add(frame.f_locals["folder"])
        else:
            return
        if found in COUNTED:
            self.calls[COUNTED[found]] += 1


def train(settings: Settings, key: SeriesKey, bars: int = 420) -> Challenger:
    store_bars(settings, key, make_bars(bars))
    challenger = train_series(key, settings)
    assert challenger.outcome is None
    return challenger


def promote(settings: Settings, key: SeriesKey, bars: int = 420) -> tuple[TrainOutcome, Counts]:
    challenger = train(settings, key, bars)
    with Counts() as counts:
        outcome = promote_series(challenger, settings)
    assert outcome.status == "promoted", outcome
    return outcome, counts


def key_of(number: int) -> SeriesKey:
    return SeriesKey.of(f"T{number}", "1d")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Whatever was trained is promoted, undrawn."""
    return quick_settings(tmp_path, promote={"force": True}, run={"plots": "never"})


def test_a_first_promotion_costs_what_it_must(settings: Settings) -> None:
    promote(settings, key_of(0))  # makes the folders that all series share
    _, counts = promote(settings, key_of(1))
    assert counts.calls == {
        # Four files of the version, three that serve, the event, and the folders: versions/,
        # versions/T1_1d/, the version's, events/, events/T1_1d/ and saved_models/.
        "flushes": 14,
        "files written": 8,
        "renames": 5,
        "removals": 4,  # the staged files
        "model files read": 4,  # the staged ones; no champion yet
        "weights decoded": 1,
        "scalers decoded": 1,
        "metas parsed": 2,  # the staged one, and the committed one as a reader will get it
        "metas written": 2,
        "bars read": 1,
        "network calls": 1 + BLOCKS,
        "inputs computed": 1 + BLOCKS * ORIGINS,
    }


def test_a_later_promotion_adds_one_reading_of_the_champion(settings: Settings) -> None:
    promote(settings, key_of(1))
    first = promote(settings, key_of(2))[1].calls
    _, counts = promote(settings, key_of(1), bars=421)
    more = Counter(counts.calls)
    more.subtract(first)
    assert {name: count for name, count in more.items() if count} == {
        "flushes": -2,  # the folders of its versions and of its events are there
        # Its meta.json before judging, and again before it is replaced; in between, all three.
        "model files read": 5,  # its meta.json was parsed when the challenger was trained
        "weights decoded": 1,
        "scalers decoded": 1,
        "network calls": 1,
        "inputs computed": 1,
    }


def test_staging_waits_for_no_disk_and_writes_each_file_once(settings: Settings) -> None:
    store_bars(settings, key_of(1), make_bars(420))
    with Counts() as counts:
        assert train_series(key_of(1), settings).staged
    assert counts.calls["flushes"] == 0
    assert counts.calls["files written"] == 4
    assert counts.calls["weights encoded"] == 1


def test_the_tenth_series_costs_what_the_second_did_and_no_folder_of_all_series_is_listed(
    settings: Settings,
) -> None:
    promote(settings, key_of(0))
    _, second = promote(settings, key_of(1))
    for number in range(2, 9):
        promote(settings, key_of(number))
    _, tenth = promote(settings, key_of(9))
    _, again = promote(settings, key_of(9), bars=421)
    assert tenth.calls == second.calls
    models = settings.models_dir
    shared = {models, models / "versions", models / "rejected", models / ".staging"}
    assert not (second.listed | tenth.listed | again.listed) & shared


def test_an_unchanged_series_is_neither_judged_nor_decoded(settings: Settings) -> None:
    unforced = quick_settings(settings.models_dir.parent, promote={"versus_walk": "worse"})
    challenger = train(unforced, key_of(1))
    promote_series(challenger, unforced)
    with Counts() as counts:
        outcome = promote_series(train_series(key_of(1), unforced), unforced)
    assert outcome.skipped
    forbidden = {"weights decoded", "scalers decoded", "network calls", "inputs computed", "flushes"}
    assert not forbidden & counts.calls.keys()
    assert counts.calls["metas parsed"] <= 2  # what serves, and the version's own
    assert counts.calls["model files read"] <= 8


def test_pictures_are_drawn_once_each_and_flushed_never(settings: Settings) -> None:
    promote(settings, key_of(0))
    plain = promote(settings, key_of(1))[1].calls
    drawn = settings.model_copy(update={"run": settings.run.model_copy(update={"plots": "always"})})
    outcome, counts = promote(drawn, key_of(2))
    assert len(outcome.plots) == counts.calls["pictures"] == 5
    assert counts.calls["flushes"] == plain["flushes"]

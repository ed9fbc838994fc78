"""Signals at chosen moments of a training of the command line, each sent from within: none is late."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.synthetic import make_bars

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

NOTHING = "interrupted: nothing was promoted\n"

# Sends a training the signal at the first event of Python that fits; ready before all else is imported.
_WATCHED = """
import os, runpy, sys
number, event, part = int(sys.argv[1]), sys.argv[2], sys.argv[3]
sent = []

def watch(name, arguments):
    if name == event and part in str(arguments[0]) and not sent:
        sent.append(name)
        os.kill(os.getpid(), number)

sys.addaudithook(watch)
sys.argv[1:] = sys.argv[4:]
runpy.run_module("ml.training.train_lstm", run_name="__main__")
"""

_ENDING = """
import os, signal, sys
from ml.training import ending

def die():
    os.kill(os.getpid(), signal.SIGTERM)

ending.answer_signals()
ending.unwind()
"""


def trained(tmp_path: Path, number: int, event: str, part: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a training that gets the signal then."""
    (tmp_path / "raw").mkdir()
    make_bars(500).to_csv(tmp_path / "raw" / "AAPL_1d.csv", index=False)
    options = "--ticker AAPL --interval 1d --epochs 2 --seq-len 16 --horizon 4 --hidden-size 8 --force"
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("raw", "store", "models", "predictions")]
    command = [sys.executable, "-c", _WATCHED, str(int(number)), event, part, *options.split(), *folders]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def ended(code: str) -> tuple[int, str]:
    """Exit status and stderr of a program that `ending` is to end."""
    done = subprocess.run([sys.executable, "-c", _ENDING + code], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("module", ["pydantic.fields", "ml.training.trainer"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_the_imports_ends_it_at_once_and_in_words(
    tmp_path: Path, module: str, number: int, status: int
) -> None:
    assert trained(tmp_path, number, "import", module) == (status, "", NOTHING)


@pytest.mark.parametrize(
    ("event", "part"),
    [("open", "/store/.."), ("import", "pandera"), ("os.mkdir", ".staging/AAPL_1d/tmp-")],
)
def test_a_signal_amid_writing_removes_what_is_half_written(
    tmp_path: Path, event: str, part: str
) -> None:
    assert trained(tmp_path, signal.SIGTERM, event, part) == (143, "", NOTHING)
    for name in ("store", "models"):
        left = [path.name for path in (tmp_path / name).rglob("*")]
        assert not [name for name in left if name.endswith((".part", ".pth")) or name.startswith("tmp-")]


def test_a_signal_once_the_promotion_has_begun_leaves_it_whole(tmp_path: Path) -> None:
    status, out, err = trained(tmp_path, signal.SIGTERM, "os.rename", "/version")
    told = "the promotion has begun and is finished first; once more ends at once\n"
    assert (status, err) == (0, told)
    assert "AAPL 1d: promoted" in out
    assert (tmp_path / "models" / "lstm_AAPL_1d.meta.json").is_file()
    assert (tmp_path / "models" / "cards" / "AAPL_1d.html").is_file()


def test_what_a_signal_raises_is_not_lost_in_a_finaliser() -> None:
    code = "class Held:\n    def __del__(self): die()\nHeld()\nprint('went on')\n"
    assert ended(code) == (143, NOTHING)


def test_a_signal_that_comes_out_as_another_error_is_still_that_signal() -> None:
    code = "class Named:\n    def __set_name__(self, *_): die()\nclass Owner:\n    held = Named()\n"
    assert ended(code) == (143, NOTHING)


def test_a_signal_that_was_taken_for_an_error_still_promotes_nothing() -> None:
    code = "try: die()\nexcept BaseException: pass\nending.finish()\n"
    assert ended(code) == (143, NOTHING)


def test_a_second_signal_amid_a_promotion_ends_it_and_says_what_serves() -> None:
    status, err = ended("ending.finish()\ndie()\nprint('on', file=sys.stderr)\ndie()\n")
    first, going, last = err.splitlines()
    assert (status, going) == (143, "on")
    assert "is finished first" in first
    assert "the model of before serves, or the new one" in last


def test_a_signal_that_is_ignored_stays_so() -> None:
    code = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nending.answer_signals()\ndie()\n"
        "print('went on', file=sys.stderr)\n"
    )
    assert ended(code) == (0, "went on\n")

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml.data import atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bars.parquet"
    atomic.write_bytes(path, b"old")
    atomic.write_text(path, "neu\u00fc")
    assert path.read_text(encoding="utf-8") == "neu\u00fc"
    assert names(path.parent) == ["bars.parquet"]


def test_a_writer_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text("old")

    def interrupted() -> None:
        with atomic.replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["meta.json"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text("old")
    # The kernel itself refuses the write, as on a full disk; in a child, for the limit stays.
    program = (
        "import resource, signal, sys, pathlib\n"
        "from ml.data import atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    atomic.write_bytes(pathlib.Path(sys.argv[1]), b'x' * 100_000)\n"
        "except OSError as error:\n"
        "    sys.exit(f'refused: {error.errno}')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert done.stderr.startswith("refused: ")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["meta.json"]


def test_a_killed_writer_leaves_the_old_file_and_what_it_left_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text("old")
    program = (
        "import os, signal, sys, pathlib\n"
        "from ml.data import atomic\n"
        "with atomic.replacing(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    assert atomic.sweep(tmp_path) == 0, "a young file's writer may be alive"
    for left in tmp_path.glob(".*"):
        os.utime(left, (0, 0))
    assert atomic.sweep(tmp_path) == 1
    assert names(tmp_path) == ["meta.json"]


def test_sweeping_touches_only_temporary_files(tmp_path: Path) -> None:
    for name in (".hidden", "x.part", "bars.parquet"):
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    assert atomic.sweep(tmp_path, older_than_seconds=time.time()) == 0
    assert atomic.sweep(tmp_path / "none") == 0
    assert names(tmp_path) == [".hidden", "bars.parquet", "x.part"]


def test_the_longest_name_that_a_series_can_have_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("%2F" * 64 + "_99999mo.quarantine.csv")
    atomic.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    before = os.umask(0o027)
    try:
        atomic.write_bytes(path, b"x")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="looks up open files under /proc")
def test_a_file_that_is_not_settled_is_flushed_but_its_name_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    for settle in (False, True):
        with atomic.replacing(tmp_path / "bars.parquet", settle=settle) as file:
            file.write(b"bars")
    first, second, folder = flushed
    assert first.parent == second.parent == folder == tmp_path
    assert first.suffix == second.suffix == ".part"
    assert (tmp_path / "bars.parquet").read_bytes() == b"bars"

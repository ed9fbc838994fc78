import os
from pathlib import Path

import pytest

from ml.data.sources import SourceFile, fingerprint_files, same_content
from ml.errors import UnreadableFileError

LIMIT = 10_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "AAPL_1d.csv"
    path.write_text("some rows")
    return path


def fingerprint(path: Path, *known: SourceFile) -> SourceFile:
    (source,) = fingerprint_files([path], LIMIT, known)
    return source


def test_a_file_at_rest_is_not_read_again(file: Path) -> None:
    known = fingerprint(file).model_copy(update={"sha256": "kept, not computed"})
    assert fingerprint(file, known) is known


def test_a_touched_file_has_the_same_content_and_a_changed_one_has_not(file: Path) -> None:
    known = fingerprint(file)
    os.utime(file, (1, 1))
    touched = fingerprint(file, known)
    assert touched != known
    assert same_content([touched], [known])
    file.write_text("other row")
    assert not same_content([fingerprint(file, known)], [known])


def test_a_file_replaced_by_one_of_the_same_size_and_date_is_noticed(file: Path) -> None:
    known = fingerprint(file)
    file.write_text("other row")
    os.utime(file, ns=(known.mtime_ns, known.mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (known.size, known.mtime_ns)
    assert not same_content([fingerprint(file, known)], [known])


def test_other_files_are_other_content(file: Path, tmp_path: Path) -> None:
    twin = tmp_path / "AAPL_1d_b.csv"
    twin.write_bytes(file.read_bytes())
    one, other = fingerprint(file), fingerprint(twin)
    assert one.sha256 == other.sha256
    assert not same_content([one], [other])
    assert not same_content([one], [one, other])


def test_what_is_no_regular_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "FIFO_1d.csv")
    (tmp_path / "DIR_1d.csv").mkdir()
    (tmp_path / "LOST_1d.csv").symlink_to(tmp_path / "nowhere")
    for name in ("FIFO_1d.csv", "DIR_1d.csv", "LOST_1d.csv", "NONE_1d.csv"):
        with pytest.raises(UnreadableFileError, match=name):
            fingerprint(tmp_path / name)


def test_a_file_above_the_limit_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "HUGE_1d.csv").open("wb") as file:
        file.truncate(2**40)  # sparse: reading it would take an hour
    with pytest.raises(UnreadableFileError, match="1,099,511,627,776 bytes"):
        fingerprint(tmp_path / "HUGE_1d.csv")

"""What is no text, no regular file or no table of bars."""

import os
import zipfile
from pathlib import Path

import pytest

from ml.config import IngestConfig
from ml.data.reading import read_raw
from ml.errors import UnreadableFileError, UnrecognisedFileError
from tests.ml.data.reading.bars import CONFIG, HEAD, KEY, ROWS, read_text


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "0 bytes"),
        (b" \n\n", "blanks"),
        (b"\x1f\x8b\x08\x00" + bytes(50), "gzip"),
        (b"\xfd7zXZ\x00" + bytes(50), "xz"),
        (bytes(range(256)) * 40, "binary"),
        (b"<!DOCTYPE html><html><body>Too many requests</body></html>", "web page"),
    ],
)
def test_what_is_no_text_is_unreadable(content: bytes, found: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=found):
        read_text(tmp_path, content)


def test_compression_is_recognised_by_content_and_a_name_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "TEST_1d.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("TEST_1d.csv", HEAD + ROWS)
    with pytest.raises(UnreadableFileError, match="zip"):
        read_raw(path, KEY, CONFIG)
    plain = tmp_path / "TEST_1d.csv.gz"
    plain.write_text(HEAD + ROWS)
    assert len(read_raw(plain, KEY, CONFIG).frame) == 3


def test_what_is_no_regular_file_is_unreadable(tmp_path: Path) -> None:
    fifo = tmp_path / "TEST_1d.csv"
    os.mkfifo(fifo)
    for path in (
        fifo,
        tmp_path,
        Path("/dev/zero"),
        Path("https://example.com/TEST_1d.csv"),
        tmp_path / "none.csv",
        Path("a\0b"),
    ):
        with pytest.raises(UnreadableFileError):
            read_raw(path, KEY, CONFIG)


def test_a_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text(HEAD + ROWS)
    (tmp_path / "TEST_1d.csv").symlink_to(tmp_path / "data.txt")
    assert len(read_raw(tmp_path / "TEST_1d.csv", KEY, CONFIG).frame) == 3


def test_a_file_beyond_the_limit_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "TEST_1d.csv"
    path.write_text(HEAD + ROWS)
    with pytest.raises(UnreadableFileError, match="at most 50 bytes"):
        read_raw(path, KEY, IngestConfig(max_file_bytes=50))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        ",".join(f"c{i}" for i in range(100_000)) + "\n" + ",".join(["1"] * 100_000) + "\n",
        "\n".join(",".join(["1"] * 3000) for _ in range(40)),
        "x" * 3_000_000,
        "1," * 1_000_000,
        "a,b,c\n1,2,3\n4,5,6\n",
        "Date,USD,GBP,EUR\n2020-01-02,1300,800,900\n2020-01-03,1301,801,901\n",
        HEAD,
        HEAD + ",TEST,TEST,TEST,TEST,TEST\n",
        HEAD + ",10000,10000,10000,10000,10000\n",
        '{"error": "invalid api key"}\n',
        "Date,Open,High,Low,Close\n",
        "once upon a time, there was, a file\n" * 50,
    ],
)
def test_what_is_no_table_of_bars_is_refused_with_a_hint(text: str, tmp_path: Path) -> None:
    with pytest.raises((UnrecognisedFileError, UnreadableFileError)) as caught:
        read_text(tmp_path, text)
    assert caught.value.hint
    assert caught.value.where == "TEST_1d.csv"

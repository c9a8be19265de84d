"""The one place where files are read: regular files of a bounded size, and a sentence for everything else."""

import os
from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.files import Missing, document, exists, is_file, is_folder, read_file, read_text


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    for size in (0, 1, 65_535, 65_536, 65_537, 300_000):
        (tmp_path / "file").write_bytes(bytes(size))
        assert read_file(tmp_path / "file", "the file") == bytes(size)


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(11))
    assert read_file(tmp_path / "file", "the file", 11) == bytes(11)
    with pytest.raises(BadInput, match=r"the file .* is too large: it holds more than 10 bytes"):
        read_file(tmp_path / "file", "the file", 10)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null", "/dev/urandom"])
def test_devices_are_refused(device: str) -> None:
    with pytest.raises(BadInput, match="it is a device, and no regular file"):
        read_file(device, "the file")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="it is a pipe, and no regular file"):
        read_file(tmp_path / "pipe", "the file")
    assert exists(tmp_path / "pipe")
    assert not is_file(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["n" * 300, "n\0n", "a/" * 5_000, "\ud800"])
def test_paths_that_there_cannot_be(tmp_path: Path, name: str) -> None:
    assert not (exists(tmp_path / name) or is_file(tmp_path / name) or is_folder(tmp_path / name))
    with pytest.raises(BadInput, match="cannot be read"):
        read_file(tmp_path / name, "the file")


def test_what_is_missing_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        read_file(tmp_path / "nowhere", "the file")
    with pytest.raises(BadInput, match="Is a directory") as refused:
        read_file(tmp_path, "the file")
    assert not isinstance(refused.value, Missing)


def test_a_text_has_no_mark_and_is_utf_8(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("\ufeffα\n".encode())
    assert read_text(tmp_path / "text", "the text") == "α\n"
    (tmp_path / "text").write_bytes(b"ab\xff")
    with pytest.raises(BadInput, match=r"is not UTF-8 text: .* at byte 2"):
        read_text(tmp_path / "text", "the text")


@pytest.mark.parametrize(
    "error", [OverflowError("x"), RecursionError(), KeyError("k"), AttributeError("a"), ZeroDivisionError()]
)
def test_whatever_a_document_makes_its_reader_raise_is_a_sentence(error: Exception) -> None:
    with pytest.raises(BadInput, match="the document is corrupt: ") as refused, document("the document"):
        raise error
    assert refused.value.__cause__ is error

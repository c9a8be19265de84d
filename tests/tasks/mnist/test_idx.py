"""The loader: the official files pass, and whatever else stands in their place is named."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from sigbench.errors import BadInput
from sigbench_tasks.mnist import idx
from sigbench_tasks.mnist.idx import DATA, IMAGES, LABELS, IdxFile, read_idx

TEST_LABELS = LABELS["test"]


def test_the_official_md5_sums() -> None:
    """As published; the loader compares with its own table, so this guards the table."""
    sums = {file.name: file.md5 for table in (IMAGES, LABELS) for file in table.values()}
    assert sums == {
        "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
    }
    for name, expected in sums.items():
        assert hashlib.md5(gzip.decompress((DATA / name).read_bytes())).hexdigest() == expected


def test_shapes_and_known_facts() -> None:
    assert idx.images("train").shape == (60_000, 28, 28)
    assert idx.images("test").shape == (10_000, 28, 28)
    assert idx.labels("train")[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert np.bincount(idx.labels("test")).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert idx.images("train").dtype == np.uint8


def damaged(folder: Path, content: bytes) -> Path:
    file = folder / TEST_LABELS.name
    file.write_bytes(content)
    return file


def refuse(file: Path, sentence: str, expected: IdxFile = TEST_LABELS) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        read_idx(file, expected)
    assert file.name in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_missing_file(tmp_path: Path) -> None:
    refuse(tmp_path / TEST_LABELS.name, "is missing")


def test_a_truncated_gzip_file(tmp_path: Path) -> None:
    refuse(damaged(tmp_path, (DATA / TEST_LABELS.name).read_bytes()[:-100]), "is truncated or no gzip file")


def test_no_gzip_file(tmp_path: Path) -> None:
    refuse(damaged(tmp_path, b"not at all"), "is truncated or no gzip file")


def test_truncated_content(tmp_path: Path) -> None:
    content = gzip.decompress((DATA / TEST_LABELS.name).read_bytes())
    refuse(damaged(tmp_path, gzip.compress(content[:-1])), "is truncated: 9999 of 10000 bytes are there")


def test_no_idx_content(tmp_path: Path) -> None:
    refuse(damaged(tmp_path, gzip.compress(b"\x00\x00\x0d\x01")), "is no IDX file of unsigned bytes")
    refuse(damaged(tmp_path, gzip.compress(b"")), "is no IDX file of unsigned bytes")


def test_swapped_files(tmp_path: Path) -> None:
    refuse(DATA / LABELS["train"].name, r"shape \(60000,\), where \(10000,\) belongs")
    refuse(DATA / IMAGES["test"].name, r"shape \(10000, 28, 28\), where \(10000,\) belongs")


def test_altered_content(tmp_path: Path) -> None:
    content = bytearray(gzip.decompress((DATA / TEST_LABELS.name).read_bytes()))
    content[-1] ^= 1
    refuse(damaged(tmp_path, gzip.compress(bytes(content))), "is not the official one: its MD5 is")

"""The store: whole records or none."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from made_records import made

from sigbench.errors import BadInput
from sigbench.records.checks import digest_of
from sigbench.records.record import SCHEMA, Record
from sigbench.records.store import Store, make_folder


def record(key: str, **changes: Any) -> Record:
    """A record of a failure under a key of the test's own."""
    found: Any = {**made(status="failed", **changes), "key": key}
    found["provenance"]["device_name"] = "Größe"
    return {**found, "digest": digest_of(found)}  # type: ignore[return-value]


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "store")
    file = store.write(record("aa"))
    assert file == store.path_of("aa") == tmp_path / "deep" / "store" / "aa.json"
    assert store.read("aa") == record("aa")
    assert store.read("bb") is None
    assert files_of(store.folder) == ["aa.json"]


def test_same_key_replaces(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record("aa", seed=2))
    store.write(record("aa", seed=3))
    assert [found["seed"] for found in store] == [3]


def test_iteration_goes_by_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for key in ("bb", "aa", "cc"):
        store.write(record(key))
    assert [found["key"] for found in Store(tmp_path)] == ["aa", "bb", "cc"]


@pytest.mark.parametrize("failing", ["os.replace", "os.fsync"])
def test_failing_write_leaves_the_old_record_and_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    store = Store(tmp_path)
    store.write(record("aa", seed=2))

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, fail)
    for key in ("aa", "bb"):
        with pytest.raises(BadInput, match="cannot be written: No space left on device"):
            store.write(record(key, seed=3))
    assert files_of(tmp_path) == ["aa.json"]
    assert store.read("aa") == record("aa", seed=2)


def test_interrupted_write_leaves_the_old_record_and_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write(record("aa", seed=2))

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.write(record("aa", seed=3))
    assert files_of(tmp_path) == ["aa.json"]
    assert store.read("aa") == record("aa", seed=2)


def test_record_that_is_no_json_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write({**record("aa"), "times": [float("nan")]})
    assert files_of(tmp_path) == []


def test_record_in_place_is_whole_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, seen = Store(tmp_path), []
    replace = os.replace

    def look(source: str, target: Path) -> None:
        seen.append((json.loads(Path(source).read_text()), Path(source).parent, target.exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    store.write(record("aa"))
    assert seen == [(record("aa"), tmp_path, False)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b'"text"',
        b"\xff\xfe\x00",
        b"{}",
        json.dumps(record("bad", schema=SCHEMA + 1)).encode(),
        json.dumps(record("other")).encode(),
        json.dumps(record("bad")).encode()[:-5],
    ],
    ids=["empty", "open", "list", "null", "text", "binary", "bare", "other schema", "other key", "truncated"],
)
def test_what_is_no_record_is_skipped(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    store.write(record("good"))
    store.path_of("bad").write_bytes(content)
    assert store.read("bad") is None
    assert [found["key"] for found in store] == ["good"]


def test_what_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record("good"))
    store.path_of("folder").mkdir()
    (tmp_path / "notes.txt").write_text("not a record")
    (tmp_path / ".writing-x.json").write_text(json.dumps(record(".writing-x")))
    assert store.read("folder") is None
    assert [found["key"] for found in store] == ["good"]


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_store_that_cannot_be_made(tmp_path: Path, below: str) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(BadInput, match=r"the store .*file.* cannot be written"):
        Store(blocked / below)
    assert blocked.read_text() == "in the way"


def test_folders_are_made_and_tried(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    assert make_folder(folder, "the gallery") == make_folder(folder, "the gallery") == folder
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"the gallery .*file cannot be written"):
        make_folder(tmp_path / "file", "the gallery")

"""Artifacts: weights and manifest on disk, refused by name where they are not what they were."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.networks.artifacts import MANIFEST, WEIGHTS, Manifest, load_artifact, read_manifest, save_artifact


def weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "first.weight": torch.randn(4, 3, generator=generator),
        "transposed": torch.randn(2, 5, generator=generator, dtype=torch.float64).T,
        "half": torch.randn(7, generator=generator).bfloat16(),
        "trained": torch.ones(2, requires_grad=True),
    }


def manifest(**changes: object) -> Manifest:
    fields: dict[str, object] = {
        "kind": "sigdeg",
        "task": "gmm",
        "task_version": 1,
        "sha256": "",
        "config": {"width": 64, "order": 2},
        "command": "sigbench train --task gmm",
        "commit": None,
        "created": "2020-01-01T00:00:00+00:00",
        "data": {"paths": 10},
        "cost": {"seconds": 1.5},
        "packages": {"torch": "2"},
    }
    return Manifest(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "artifact", weights(), manifest())
    return tmp_path / "artifact"


def edit_manifest(folder: Path, **changes: object) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**content, **changes}))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "artifact"
    complete = save_artifact(folder, weights(), manifest())
    assert complete.sha256 == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    loaded, found = load_artifact(folder)
    assert found == complete == read_manifest(folder) == manifest(sha256=complete.sha256)
    assert loaded.keys() == weights().keys()
    for name, tensor in weights().items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, WEIGHTS]


def test_saving_again_replaces(artifact: Path) -> None:
    save_artifact(artifact, {"other": torch.zeros(3)}, manifest(kind="teacher"))
    loaded, found = load_artifact(artifact)
    assert list(loaded) == ["other"]
    assert found.kind == "teacher"


def test_equal_weights_have_equal_hashes(artifact: Path, tmp_path: Path) -> None:
    again = save_artifact(tmp_path / "again", weights(), manifest())
    assert again.sha256 == read_manifest(artifact).sha256


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied", "swapped"])
def test_weights_that_changed_are_named_with_both_hashes(artifact: Path, tmp_path: Path, damage: str) -> None:
    blob = (artifact / WEIGHTS).read_bytes()
    save_artifact(tmp_path / "other", {"other": torch.zeros(3)}, manifest())
    damaged = {
        "truncated": blob[:-1],
        "altered": blob[:-1] + bytes([blob[-1] ^ 1]),
        "emptied": b"",
        "swapped": (tmp_path / "other" / WEIGHTS).read_bytes(),
    }[damage]
    (artifact / WEIGHTS).write_bytes(damaged)
    with pytest.raises(BadInput, match="are corrupt or were swapped") as error:
        load_artifact(artifact)
    for part in (
        str(artifact / WEIGHTS),
        hashlib.sha256(damaged).hexdigest()[:16],
        hashlib.sha256(blob).hexdigest()[:16],
    ):
        assert part in str(error.value)


def test_weights_that_are_none_though_the_hash_holds(artifact: Path) -> None:
    (artifact / WEIGHTS).write_bytes(b"not safetensors")
    edit_manifest(artifact, sha256=hashlib.sha256(b"not safetensors").hexdigest())
    with pytest.raises(BadInput, match="cannot be read"):
        load_artifact(artifact)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"kind": "sigdeg"}'])
def test_corrupt_manifest(artifact: Path, content: str) -> None:
    (artifact / MANIFEST).write_text(content)
    with pytest.raises(BadInput, match=r"the manifest .* is corrupt") as error:
        load_artifact(artifact)
    assert str(artifact / MANIFEST) in str(error.value)


def test_manifest_with_a_foreign_field(artifact: Path) -> None:
    edit_manifest(artifact, surprise=1)
    with pytest.raises(BadInput, match=r"is corrupt.*surprise"):
        load_artifact(artifact)


@pytest.mark.parametrize("sha256", [None, 5, ""])
def test_manifest_without_a_hash(artifact: Path, sha256: object) -> None:
    edit_manifest(artifact, sha256=sha256)
    with pytest.raises(BadInput, match="corrupt"):
        load_artifact(artifact)


def test_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"there is no artifact in .*: {MANIFEST} is missing"):
        load_artifact(tmp_path)


def test_no_weights(artifact: Path) -> None:
    (artifact / WEIGHTS).unlink()
    with pytest.raises(BadInput, match=r"the weights .* cannot be read: No such file"):
        load_artifact(artifact)


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match=r"the artifact folder .*file cannot be written"):
        save_artifact(tmp_path / "file", weights(), manifest())


def test_failing_write_leaves_the_old_artifact_and_no_trace(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in artifact.iterdir()}

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(BadInput, match="cannot be written: No space left on device"):
        save_artifact(artifact, {"other": torch.zeros(3)}, manifest())
    assert {path.name: path.read_bytes() for path in artifact.iterdir()} == before

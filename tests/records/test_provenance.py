"""Provenance: with what, and on what, a record was made."""

import importlib.metadata
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

import sigbench
from sigbench.records.provenance import PACKAGES, device_name, git_commit, package_versions, provenance

CPU = torch.device("cpu")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, from which the package seems to be imported."""
    (tmp_path / "sigbench").mkdir()
    (tmp_path / "sigbench" / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    monkeypatch.setattr(sigbench, "__file__", str(tmp_path / "sigbench" / "__init__.py"))
    return tmp_path


def test_provenance_has_every_field() -> None:
    found = provenance(CPU, torch.bfloat16, {"sigdeg": "abc"})
    assert set(found) == {
        "sigbench",
        "git",
        "torch",
        "packages",
        "python",
        "platform",
        "machine",
        "cores",
        "device",
        "device_name",
        "dtype",
        "threads",
        "artifacts",
        "date",
    }
    assert found["sigbench"] == sigbench.__version__ == importlib.metadata.version("sigbench")
    assert found["torch"] == torch.__version__
    assert (found["device"], found["dtype"], found["artifacts"]) == ("cpu", "bfloat16", {"sigdeg": "abc"})
    assert found["threads"] == torch.get_num_threads()
    assert found["device_name"] == device_name(CPU) != ""
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found["date"])) < timedelta(minutes=1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_package_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = package_versions()
    assert set(versions) == set(PACKAGES)
    assert versions["numpy"] == importlib.metadata.version("numpy")
    monkeypatch.setattr("sigbench.records.provenance.PACKAGES", ("numpy", "no-such-package-here"))
    assert package_versions()["no-such-package-here"] is None
    assert package_versions(["torchsde"]).keys() == {"numpy", "no-such-package-here", "torchsde"}


def test_commit_of_a_clean_checkout(checkout: Path) -> None:
    assert git_commit.__wrapped__() == git(checkout, "rev-parse", "HEAD")


def test_untracked_files_do_not_make_it_dirty(checkout: Path) -> None:
    (checkout / "results.json").write_text("{}")
    assert git_commit.__wrapped__() == git(checkout, "rev-parse", "HEAD")


def test_changes_show(checkout: Path) -> None:
    (checkout / "sigbench" / "__init__.py").write_text("changed = True")
    assert git_commit.__wrapped__() == git(checkout, "rev-parse", "HEAD") + "+dirty"


def test_no_commit_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigbench, "__file__", str(tmp_path / "sigbench" / "__init__.py"))
    assert git_commit.__wrapped__() is None


def test_no_commit_of_a_strangers_checkout(checkout: Path) -> None:
    (checkout / "pyproject.toml").unlink()
    assert git_commit.__wrapped__() is None


def test_no_commit_before_the_first(checkout: Path) -> None:
    git(checkout, "checkout", "-q", "--orphan", "empty")
    assert git_commit.__wrapped__() is None

"""A baseline is made from committed code only."""

import subprocess
from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.gate import tree as gate_tree
from sigbench.gate.tree import changed_files, require_clean, require_tracked


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean Git tree with one file; sigbench itself is taken for installed, so that its own tree plays no part."""
    monkeypatch.setattr(gate_tree, "package_folder", lambda: tmp_path)
    root = tmp_path / "tree"
    root.mkdir()
    (root / "mine.py").write_text("x = 1\n")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True)


def test_clean(tree: Path) -> None:
    require_clean(tree, tree / "baseline.json")


def test_the_baseline_itself_may_have_changed(tree: Path) -> None:
    (tree / "baseline.json").write_text("{}")
    require_clean(tree, tree / "baseline.json")
    with pytest.raises(BadInput, match=r"baseline\.json"):
        require_clean(tree, tree / "another.json")


def test_changed_renamed_and_new_files_are_named(tree: Path) -> None:
    git(tree, "mv", "mine.py", "ours.py")
    (tree / "folder").mkdir()
    (tree / "folder" / "nëw file.py").write_text("")
    assert changed_files(tree) == ["ours.py", "folder/nëw file.py"]
    with pytest.raises(BadInput, match=r"is not clean \(ours\.py, folder/nëw file\.py\): commit first"):
        require_clean(tree, tree / "baseline.json")


def test_many_changed_files_are_counted(tree: Path) -> None:
    for index in range(9):
        (tree / f"{index}.py").write_text("")
    with pytest.raises(BadInput, match=r"4\.py and 4 more\)"):
        require_clean(tree, tree / "baseline.json")


def test_ignored_files_do_not_count(tree: Path) -> None:
    (tree / ".gitignore").write_text("*.tmp\n")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "second")
    (tree / "x.tmp").write_text("")
    require_clean(tree, tree / "baseline.json")


def test_what_a_killed_writer_left_does_not_count(tree: Path) -> None:
    (tree / ".writing-abc.json").write_text("")
    require_clean(tree, tree / "baseline.json")
    (tree / "writing-abc.json").write_text("")
    with pytest.raises(BadInput, match="writing-abc"):
        require_clean(tree, tree / "baseline.json")


def test_plug_ins_must_be_in_git(tree: Path) -> None:
    require_tracked([tree / "mine.py"])
    (tree / ".gitignore").write_text("hidden.py\n")
    (tree / "hidden.py").write_text("")
    with pytest.raises(BadInput, match=r"hidden\.py is not in Git"):
        require_tracked([tree / "mine.py", tree / "hidden.py"])


def test_no_tree_at_all(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is in no Git tree"):
        require_clean(tmp_path, tree / "baseline.json")


def test_the_checkout_of_sigbench_counts_too(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "sigbench").mkdir(parents=True)
    (checkout / "sigbench" / "__init__.py").write_text("")
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "first")
    monkeypatch.setattr(gate_tree, "package_folder", lambda: checkout)
    require_clean(tree, tree / "baseline.json")
    (checkout / "sigbench" / "__init__.py").write_text("changed = True\n")
    with pytest.raises(BadInput, match=r"checkout is not clean \(sigbench/__init__\.py\)"):
        require_clean(tree, tree / "baseline.json")

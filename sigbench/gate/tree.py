"""Is what is about to be measured committed? A baseline is only worth something where its code can be found again."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.records.store import WRITING

_SHOWN = 5


def package_folder() -> Path:
    """Returns the folder that sigbench is imported from, its checkout where it is installed from one."""
    import sigbench

    return Path(sigbench.__file__).resolve().parents[1]


def require_clean(folder: Path, baseline: Path) -> None:
    """Raises BadInput where a Git tree has changed or untracked files, the file `baseline` itself apart.

    The trees are that around `folder`, which must be in one, that around the baseline and that of sigbench's own
    checkout, where it is imported from one.
    """
    if _root(folder) is None:
        raise BadInput(f"{folder} is in no Git tree: a baseline is made from committed code only.")
    package = package_folder()
    if not _git(package, "ls-files", "sigbench/__init__.py"):
        package = folder
    for root in {_root(place): None for place in (folder, baseline.resolve().parent, package)}:
        if root is None:
            continue
        changed = [name for name in changed_files(root) if (root / name).resolve() != baseline.resolve()]
        changed = [name for name in changed if not Path(name).name.startswith(WRITING)]  # of a baseline's killed writer
        if changed:
            more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            raise BadInput(
                f"the Git tree {root} is not clean ({', '.join(changed[:_SHOWN])}{more}): commit first, for a baseline "
                f"is made from committed code only."
            )


def file_at(ref: str, file: Path) -> bytes | None:
    """Returns what a file holds in another commit, None where it is not there; raises BadInput for no such commit."""
    folder = file.resolve().parent
    if not folder.is_dir() or _root(folder) is None:
        raise BadInput(f"{file} is in no Git tree, and there is no commit to compare it with.")
    if ref.startswith("-") or _git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") is None:
        raise BadInput(f"there is no commit {ref!r} here: name a branch, a tag or a hash that Git has fetched.")
    text = _git(folder, "show", f"{ref}:./{file.name}")
    return None if text is None else text.encode()


def require_tracked(files: Sequence[Path]) -> None:
    """Raises BadInput where a file of a plug-in is not in its Git tree: an ignored file is committed nowhere."""
    for file in files:
        if not _git(file.resolve().parent, "ls-files", "--error-unmatch", file.name):
            raise BadInput(f"{file} is not in Git: a baseline is made from committed code only.")


def _root(folder: Path) -> Path | None:
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Path(top.strip()) if top else None


def changed_files(root: Path) -> list[str]:
    """Returns the changed and the untracked files of a Git tree, relative to its root; raises BadInput if git fails."""
    status = _git(root, "status", "--porcelain", "-z", "--untracked-files=all")
    if status is None:
        raise BadInput(f"git cannot tell whether the tree {root} is clean.")
    entries = iter(status.split("\0"))
    names = []
    for entry in entries:
        if entry:
            names.append(entry[3:])
            if entry[0] in "RC":
                next(entries, None)  # where it was renamed or copied from
    return names


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return None

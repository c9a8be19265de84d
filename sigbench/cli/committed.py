"""The repository's results, sweep and baseline: those of the working folder, or the copies that are installed."""

from pathlib import Path

import sigbench
from sigbench.cli.printing import say

FOLDER = Path("leaderboard")
_PACKAGE = Path(sigbench.__file__).parent
# What setup.py puts into a wheel, and the checkout of an editable install.
_COPIES = (_PACKAGE / "leaderboard" / "committed", _PACKAGE.parent / FOLDER)


def here_or_copy(path: Path, *, quiet: bool = False) -> Path:
    """Returns a path where there is something, else that of its copy, and says so unless `quiet`.

    The path itself where there is no copy.
    """
    if path.exists() or path.is_absolute() or path.parts[:1] != FOLDER.parts:
        return path
    below = path.relative_to(FOLDER)
    copy = next((copies / below for copies in _COPIES if (copies / below).exists()), None)
    if copy is None:
        return path
    if not quiet:
        say(f"there is no {path} here: taken is the copy that came with sigbench {sigbench.__version__}.")
    return copy

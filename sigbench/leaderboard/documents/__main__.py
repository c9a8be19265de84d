"""`python -m sigbench.leaderboard.documents [--check]`: writes the pages, or says which do not match their records."""

import sys
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.pages import write


def main(arguments: list[str]) -> int:
    """Returns 0 where all pages are as their records are or were written, 1 where `--check` found others, 2 else."""
    if arguments not in ([], ["--check"]):
        print("python -m sigbench.leaderboard.documents [--check], from the root of the repository", file=sys.stderr)
        return 2
    try:
        changed = write(Path(), check=bool(arguments))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    for name in changed:
        print(f"{name} {'does not match its records' if arguments else 'is written anew'}")
    return 1 if changed and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

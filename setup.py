"""What pyproject.toml cannot say: the committed results are copied into the package, for use far from a checkout."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BOARD = Path(__file__).parent / "leaderboard"
COPIED = (".toml", ".json", ".jsonl", ".png", ".svg")


class BuildWithBoard(build_py):
    """Builds the packages, and beside `sigbench.leaderboard` what `sigbench.cli.committed` looks for."""

    def run(self) -> None:
        """Copies the board's records, studies, claims, pictures, sweep and baseline."""
        super().run()
        if self.editable_mode:
            return  # the checkout itself is there
        target = Path(self.build_lib) / "sigbench" / "leaderboard" / "committed"
        for file in sorted(BOARD.rglob("*")):
            if file.suffix in COPIED:
                copy = target / file.relative_to(BOARD)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)


setup(cmdclass={"build_py": BuildWithBoard})

"""What a machine has or lacks: packages that only some users install, and a system that sigbench runs on."""

import sys
from importlib.util import find_spec

from sigbench.errors import BadInput

# What each extra of pyproject.toml brings that is imported here, by what has to be said where it is missing.
EXTRAS: dict[str, tuple[str, ...]] = {"plots": ("altair", "vl_convert")}


def check_extra(extra: str, what: str) -> None:
    """Raises BadInput where a package of an extra is not installed; `what` begins the sentence: "a chart"."""
    for package in EXTRAS[extra]:
        if find_spec(package) is None:
            raise BadInput(
                f"{what} needs {package}, which is not installed here: pip install 'sigbench[{extra}]' brings it."
            )


def check_package(package: str, what: str) -> None:
    """Raises BadInput where a package that no extra names is not installed; `what` begins the sentence."""
    if find_spec(package) is None:
        raise BadInput(f"{what} needs {package}, which is not installed here: pip install {package}.")


def check_system(platform: str = sys.platform) -> None:
    """Raises BadInput on Windows, where processes cannot lock what they share as `fcntl` does."""
    if platform == "win32":
        raise BadInput("sigbench runs on Linux and macOS; on Windows run it in WSL: it locks files by fcntl.")

"""The errors that a user may see, each with the exit code of the command line, and what they say of this machine."""

import difflib
import sys
from collections.abc import Iterable
from importlib.util import find_spec

# What each extra of pyproject.toml brings that is imported here, by what has to be said where it is missing.
EXTRAS: dict[str, tuple[str, ...]] = {"plots": ("altair", "vl_convert")}


class SigbenchError(Exception):
    """An error whose message is one clear sentence for the user."""

    exit_code = 1


class BadInput(SigbenchError):
    """What the user asked for cannot be done as asked; nothing was measured."""

    exit_code = 2


class Outdated(BadInput):
    """What was measured by an older version cannot be read by this one, and has to be measured again."""


class BudgetExceeded(SigbenchError):
    """A sampler asked for more network calls than its budget allows."""


class Diverged(SigbenchError):
    """A sampler produced values that are not finite."""


class BrokenContract(SigbenchError):
    """A plug-in returned something that its contract does not allow."""


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> BadInput:
    """Returns the error for a name that is not registered, with the nearest valid names first."""
    names = sorted(valid)
    spelled = {n.lower(): n for n in names}
    near = difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.5)
    near = near or [n for n in spelled if name and n.startswith(name.lower())][:3]
    hint = f"did you mean {' or '.join(repr(spelled[n]) for n in near)}? " if near else ""
    return BadInput(f"unknown {kind} {name!r}: {hint}valid are {', '.join(names) or 'none'}.")


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

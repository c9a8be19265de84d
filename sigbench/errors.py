"""The errors that a user may see, each with the exit code of the command line."""

import difflib
from collections.abc import Iterable


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

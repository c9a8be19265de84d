"""What a plug-in may do, held in one place: whatever it raises becomes one sentence, Ctrl-C alone passes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sigbench.errors import BadInput, SigbenchError

_LONGEST = 300  # characters of a sentence that somebody else wrote


def one_line(text: str, most: int = _LONGEST) -> str:
    """Returns a text on one line of at most so many characters, which every encoding and every terminal can show.

    Control characters and lone surrogates, which no file can hold, are replaced.
    """
    line = " ".join(text[: 4 * most].split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def told(error: BaseException) -> str:
    """Returns an exception in one line: its kind, and what it says; one that cannot even say it has its kind alone."""
    kind = one_line(type(error).__name__)
    try:
        words = one_line(str(error)).rstrip(".")
    except Exception:
        return f"{kind}, whose text cannot be had"
    return f"{kind}: {words}" if words else kind


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """A context in which a plug-in is asked something; `what` begins the sentence: "ddim cannot be made".

    Whatever it raises, SystemExit and every other BaseException among it, becomes BadInput. What sigbench itself says
    passes, and so does the user's Ctrl-C.
    """
    try:
        with same_folder():
            yield
    except (SigbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BadInput(f"{what}: {told(error)}.") from error


@contextmanager
def same_folder() -> Iterator[None]:
    """A context that is left in the working folder that it was entered in: paths are the user's, seen from there."""
    try:
        here = os.open(".", os.O_RDONLY)
    except OSError:  # it may not be looked into
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            os.fchdir(here)
        os.close(here)

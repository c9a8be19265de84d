"""How a command ends that cannot go on: what the system refused, and errors of sigbench's own."""

import errno
import os
import signal
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from sigbench.cli.printing import say
from sigbench.guard import told

# What a system says of a path or a disk, and no fault of this program.
_NAMES = (
    "EACCES EAGAIN EBUSY EDQUOT EEXIST EFBIG EIO EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM ENOSPC "
    "ENOTDIR ENXIO EPERM EROFS ESTALE ETXTBSY"
)
_MOMENT_S = 0.05
_MOST_LINES, _LONGEST = 5, 4_000  # of what is said of bad input
_OF_THE_SYSTEM = frozenset(getattr(errno, name) for name in _NAMES.split())


def hold_streams() -> None:
    """Opens standard streams that the caller closed (`2>&-`), on nothing.

    What is opened later would else be taken for one of them, and written to.
    """
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, mode)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if mode == os.O_RDONLY else "w", closefd=False))  # noqa: SIM115


def end_on_sigterm() -> None:
    """Has SIGTERM end a command as Ctrl-C does, so that what is being written is finished or taken away.

    What handles the signal itself goes on doing so, and what was told to ignore it, too. Either may come where Python
    raises nothing, in a finalizer or in a callback of a weak reference: then it is raised a moment later.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, interrupt)
        usual = sys.unraisablehook

        def hear(ignored: "sys.UnraisableHookArgs") -> None:
            if isinstance(ignored.exc_value, KeyboardInterrupt):
                threading.Timer(_MOMENT_S, os.kill, (os.getpid(), signal.SIGTERM)).start()
            else:
                usual(ignored)

        sys.unraisablehook = hear


def refused_by_the_system(error: BaseException) -> str | None:
    """Returns what the system refused, in a sentence: a path or a disk; None for every other error."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for what was asked for: take fewer samples, or a smaller network."
    if isinstance(error, ValueError) and getattr(sys.stdout, "closed", False):
        return "standard output was closed, by a plug-in perhaps: what was measured until then is kept."
    if not isinstance(error, OSError) or error.errno is None or error.errno not in _OF_THE_SYSTEM:
        return None
    why = os.strerror(error.errno)
    return (
        f"{error.filename} cannot be used: {why}." if error.filename else f"what was asked for cannot be done: {why}."
    )


def in_few_lines(message: str) -> str:
    """Returns what is said of bad input in five lines at most, whatever of a file stands in it."""
    lines = [line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in message.splitlines()]
    return "\n".join(lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], "  …"])


def leave_stdout() -> None:
    """Writes what is left for stdout; where that cannot be, lets the interpreter's own last attempt fail on nothing."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_traceback(error: BaseException) -> str:
    """Writes where an error came from into a file; returns its name, "" where there is no room for one."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="sigbench-error-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(" ".join(map(ascii, sys.argv)) + "\n\n")
            file.writelines(traceback.format_exception(error))
        return file.name
    except OSError:
        return ""


def say_internal(error: BaseException) -> None:
    """Says that an error is sigbench's own, and where its traceback is: in a file, else on stderr."""
    file = write_traceback(error)
    if not file:
        with suppress(OSError, ValueError):  # stderr may be on the same full disk
            traceback.print_exception(error)
    where = f"with {file}, which holds the traceback" if file else "with the lines above"
    say(f"an error of sigbench itself, not of what you asked for: {told(error)}; please report it {where}.")

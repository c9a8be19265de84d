"""A forked process that becomes the command line, for tests that watch it from outside."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

RAISED, NO_NUMBER = 99, 98  # exit codes of endings that the command must not have


def open_streams() -> None:
    """Puts text streams over the file descriptors 1 and 2, which were turned elsewhere."""
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def become(arguments: Iterable[object]) -> NoReturn:
    """Runs `sigbench ARGUMENTS` and leaves the process with its exit code."""
    from sigbench.cli.app import main

    sys.argv = ["sigbench", *map(str, arguments)]
    code = RAISED
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else NO_NUMBER
    finally:
        with suppress(ValueError, OSError):  # a plug-in may have closed it
            sys.stdout.flush()
        os._exit(code)

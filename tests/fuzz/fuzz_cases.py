"""What a fuzzed case is, how it is run, and what must hold of every one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from sigbench.errors import BadInput
from sigbench.records.checks import parse_record

MOST_LINES, MOST_MEGABYTES = 5, 2_048
CODES = range(5)


@dataclass(frozen=True)
class Case:
    """A command line, and what is written into its folder before; `finish` says that it is to run to its end."""

    arguments: tuple[str, ...]
    prepare: Callable[[Path], object] = lambda folder: None
    finish: bool = False
    told: str = ""  # what was fuzzed, for who reads of it


Maker = Callable[[Random, Path], Case]


@dataclass
class Outcome:
    """How a case ended, and what is wrong with that."""

    case: Case
    code: int | None
    err: str
    worked: bool
    faults: list[str] = field(default_factory=list)


class Server:
    """A process that runs cases, each in a folder of its own that holds a copy of `pantry`."""

    def __init__(self, folder: Path, pantry: Path | None = None) -> None:
        self._folder, self._pantry, self._count = folder, pantry, 0
        environment = {**os.environ, "SIGBENCH_CACHE": str(folder / "cache"), "COLUMNS": "80", "TMPDIR": str(folder)}
        program = [sys.executable, str(Path(__file__).with_name("fuzz_server.py"))]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def run(self, case: Case) -> Outcome:
        """Runs a case and says what is wrong with how it ended."""
        self._count += 1
        folder = self._folder / f"case-{self._count}"
        shutil.rmtree(folder, ignore_errors=True)
        if self._pantry is None:
            folder.mkdir()
        else:
            shutil.copytree(self._pantry, folder)
        for ending in ("json", "toml", "npy", "zip", "png", "py"):
            os.mkfifo(folder / f"pipe.{ending}")
            (folder / f"zero.{ending}").symlink_to("/dev/zero")
        case.prepare(folder)
        job = {"arguments": case.arguments, "folder": str(folder), "finish": case.finish}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        ended = json.loads(self._process.stdout.readline())
        out, err = (self._read(folder, name) for name in ("out", "err"))
        faults = faults_of(ended, out, err, debug="--debug" in case.arguments)
        found = Outcome(case, ended["code"], err, ended["worked"], faults)
        found.faults += [f"the store holds {file}: {why}" for file, why in unsound(folder)]
        if "--json" in case.arguments and case.arguments[0] == "run":
            found.faults += [f"a line of records is none: {why}" for why in unsound_lines(out, ended["code"] is None)]
        if not found.faults:
            shutil.rmtree(folder, ignore_errors=True)
        return found

    def _read(self, folder: Path, name: str) -> str:
        file = folder.parent / f"{folder.name}.{name}"
        text = file.read_text(encoding="utf-8", errors="replace")
        file.unlink()
        return text


def faults_of(ended: dict[str, Any], out: str, err: str, *, debug: bool) -> list[str]:
    """Returns what is wrong with how a command ended, a sentence each; with `debug` tracebacks were asked for."""
    code, lines = ended["code"], err.splitlines()
    faults = []
    if ended["silent"]:
        faults.append("it was silent for half a minute")
    elif code is not None and code not in CODES:
        faults.append(f"it left with exit code {code}")
    if not debug and ("Traceback" in err or "Traceback" in out):
        faults.append("it printed a traceback")
    if code == 2 and not debug and len(lines) > MOST_LINES:
        faults.append(f"it said {len(lines)} lines")
    if code == 2 and not err.strip() and not out.strip():
        faults.append("it refused without a word")
    if not ended["worked"] and ended["megabytes"] > MOST_MEGABYTES:
        faults.append(f"it took {ended['megabytes']:,.0f} MB before any work")
    return faults


def unsound(folder: Path) -> list[tuple[str, str]]:
    """Returns the files of the store that hold no sound record, with the reason."""
    found = []
    for file in (folder / ".sigbench" / "records").glob("[!.]*.json"):
        try:
            parse_record(file.read_bytes())
        except BadInput as error:
            found.append((file.name, str(error)))
    return found


def unsound_lines(out: str, cut: bool) -> list[str]:
    """Returns why lines that should be records are none; the last one may be `cut`."""
    lines, found = out.splitlines(), []
    for line in lines[: len(lines) - cut]:
        try:
            parse_record(line)
        except BadInput as error:
            found.append(str(error))
    return found

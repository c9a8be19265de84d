"""Ends every command that writes at random moments, in four ways, and holds what is left to what was there before.

    python tests/killing.py --kills 500 [--seed N] [--writers run,train] [--ways kill,term,full,gone] [--pantry FOLDER]

The ways: `kill -9`; SIGTERM; a disk that is full after so many bytes; the folder that is written to taken away. After
each, what was there is still there, byte for byte or as a whole new file; no file is half of anything, temporary ones
apart; and what a command said is a sentence. At the end of each writer its command is run once more, undisturbed, and
must finish. `tests/sweep_killing.py` holds sweeps to more: their stores are compared number by number.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from becoming import become, open_streams
from fuzz_pantry import stock
from fuzz_server import preload

from sigbench.errors import BadInput
from sigbench.records.checks import parse_sound

MOST_LINES, PATIENCE_S = 5, 240.0
SMALL = ("--samples", "60", "--repeats", "2", "--device", "cpu")
RUN = ("run", "--task", "gmm", "--sampler", "ddim,heun,sigdeg", "--steps", "2,3", *SMALL)
GRID = ("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "3", "--points", "4", "--candidates", "3")
ORDERS = ("convergence", "--task", "gbm", "--sampler", "milstein", "--paths", "400", "--levels", "3")
ONE_WORKER = ("--workers", "1", "--threads", "1")


@dataclass(frozen=True)
class Writer:
    """A command, the folder that it writes into (where that may be taken away), and what it leaves when it is done."""

    arguments: Sequence[str]
    folder: str
    leaves: str
    before: Sequence[str] = ()  # a command that comes first, once
    once: bool = False  # it refuses to write over what it left
    in_git: bool = False  # it wants a clean tree


WRITERS = {
    "run": Writer(
        (*RUN, "--store", "kept", "--save-samples", "kept/samples", "--resume"), "kept", "kept/samples/*.npy"
    ),
    "plot": Writer((*RUN, "--store", "kept", "--plot", "kept/chart.png"), "kept", "kept/chart.png"),
    "sweep": Writer(("sweep", "sweep.toml", "--store", "kept", *ONE_WORKER), "kept", "kept/*.json"),
    "ablate": Writer(("ablate", "ablation.toml", "--work", "kept", *ONE_WORKER), "kept", "kept/records/*.json"),
    "build": Writer(
        ("leaderboard", "build", "--folder", "board", "--records", "records.jsonl", "--out", "kept/index.html"),
        "kept",
        "kept/index.html",
    ),
    "add": Writer(("leaderboard", "add", "records.jsonl", "--folder", "kept"), "kept", "kept/submitted/*.json"),
    "verify": Writer(
        ("leaderboard", "verify", "KEY", "--folder", "kept"),
        "kept",
        "kept/submitted/again/*.json",
        ("leaderboard", "add", "records.jsonl", "--folder", "kept"),
    ),
    "train": Writer(
        (
            "train",
            "--task",
            "gmm",
            "--order",
            "2",
            "--steps",
            "2-3",
            "--iterations",
            "40",
            "--out",
            "kept",
            "--overwrite",
        ),
        "kept",
        "kept/manifest.json",
    ),
    "grid": Writer(
        (*GRID, *SMALL, "--out", "kept/grid.json"),
        "kept",
        "kept/grid.json",
    ),
    "floors": Writer(
        ("floors", "--task", "gmm", "--samples", "90", "--draws", "3", "--others", "3", "--out", "kept/floors.json"),
        "kept",
        "kept/floors.json",
    ),
    "convergence": Writer(
        (*ORDERS, "--plot", "kept/orders.png"),
        "kept",
        "kept/orders.png",
    ),
    "gap": Writer(
        ("gap", "--task", "gmm", "--sampler", "ddim", "--steps", "2", *SMALL, "--plot", "kept/gap.svg"),
        "kept",
        "kept/gap.svg",
    ),
    "new": Writer(
        ("new", "task", "kept/mine.toml", "--kind", "python", "--model", "net.py:build", "--data", "x.npy"),
        "kept",
        "kept/mine.toml",
        once=True,
    ),
    "update": Writer(
        ("check", "--update", "--baseline", "kept/baseline.json"), "kept", "kept/baseline.json", in_git=True
    ),
    "check": Writer(
        ("check", "--baseline", "baseline.json", "--summary", "kept/check.md", "--junit", "kept/check.xml"),
        "kept",
        "kept/check.md",
    ),
}


def whole(file: Path) -> None:
    """Raises where a file is half of what its name says."""
    data = file.read_bytes()
    if file.suffix == ".json":
        document = json.loads(data)
        if file.parent.name in ("kept", "records", "submitted") and "digest" in document:
            parse_sound(data)  # an ablation's has a key of its own
    elif file.suffix == ".npy":
        np.load(io.BytesIO(data))
    elif file.suffix == ".png":
        Image.open(io.BytesIO(data)).verify()
    elif file.suffix == ".pt":
        import torch

        torch.load(io.BytesIO(data), weights_only=True)
    elif file.suffix == ".safetensors":
        assert len(data) > 8 + int.from_bytes(data[:8], "little")
    elif file.suffix in (".html", ".xml", ".svg"):
        assert data.rstrip().endswith((b"</html>", b"</testsuites>", b"</testsuite>", b"</svg>")), data[-40:]
    elif file.suffix == ".toml":
        tomllib.loads(data.decode())
    elif file.suffix == ".md":
        assert data.endswith(b"\n"), data[-40:]


def contents(place: Path) -> dict[str, bytes]:
    """Returns what is in all files of a folder by their names, but for temporary ones and locks."""
    files = (file for file in place.rglob("*") if file.is_file())
    return {
        str(file.relative_to(place)): file.read_bytes()
        for file in files
        if not file.name.startswith(".") and file.suffix not in ("", ".writing") and "paths" not in file.parts
    }


class Killer:
    """Runs commands in children that fork from this process, which has never computed, and ends them."""

    def __init__(self, place: Path, pantry: Path, chance: random.Random) -> None:
        self._place, self._pantry, self._chance = place, pantry, chance
        self.counts: Counter[str] = Counter()

    def hold(self, name: str, kills: int, ways: Sequence[str]) -> None:
        """Ends one writer's command `kills` times; raises AssertionError where it leaves what it should not."""
        writer = WRITERS[name]
        place = self._place / name
        shutil.copytree(self._pantry, place)
        (place / "kept").mkdir()
        if writer.before:
            self._finished(place, writer.before, name)
        if writer.in_git:
            _commit(place)
        arguments = [self._key(place) if word == "KEY" else word for word in writer.arguments]
        began = time.monotonic()
        self._finished(place, arguments, name)
        usual = time.monotonic() - began
        for number in range(kills):
            if number % 8 == 0 and not (writer.before or writer.in_git):
                shutil.rmtree(place / "kept")
                (place / "kept").mkdir()
            if writer.once and self._chance.random() < 0.8:
                self._remove(place, writer)
            way = self._chance.choice(ways)
            before = contents(place)
            code, said = self._ended(place, arguments, way, usual)
            self.counts[way] += 1
            self._check(place, before, f"{name}, {way}, number {number}: {code}, {said[-300:]!r}", way, code, said)
            (place / "kept").mkdir(exist_ok=True)
            if way == "gone" and writer.before:
                self._finished(place, writer.before, name)
            if way == "gone" and writer.in_git:
                shutil.copy(place / "baseline.json", place / "kept")
        if writer.once:
            self._remove(place, writer)
        self._finished(place, arguments, name)
        assert list(place.glob(writer.leaves)), f"{name} leaves no {writer.leaves}"

    def _check(self, place: Path, before: dict[str, bytes], where: str, way: str, code: int, said: str) -> None:
        after = contents(place)
        if way != "gone":
            lost = sorted(before.keys() - after.keys())
            lost = [name for name in lost if not name.endswith("checkpoint.pt")]  # of a training that got to its end
            assert not lost, f"{where}: lost {lost}"
        for name, data in after.items():
            if before.get(name) != data:
                try:
                    whole(place / name)
                except (Exception, BadInput) as error:
                    raise AssertionError(f"{where}: {name} is not whole: {error}") from error
        assert "Traceback" not in said, where
        if way in ("full", "gone", "term"):
            assert code in (*range(5), -signal.SIGTERM), where
            assert len([line for line in said.splitlines() if "skipped" not in line]) <= MOST_LINES + 4, where

    def _remove(self, place: Path, writer: Writer) -> None:
        for file in place.glob(writer.leaves):
            file.unlink()

    def _key(self, place: Path) -> str:
        return next(file.stem for file in sorted((place / "kept" / "submitted").glob("*.json")))

    def _finished(self, place: Path, arguments: Sequence[str], name: str) -> None:
        pid = self._start(place, arguments, None)
        code, said = self._wait(place, pid)
        assert code in (0, 1, 3), f"{name} does not finish: {code}, {said}"

    def _ended(self, place: Path, arguments: Sequence[str], way: str, usual: float) -> tuple[int, str]:
        room = self._chance.choice([0, 100, 3_000, self._chance.randrange(1, 400_000)]) if way == "full" else None
        pid = self._start(place, arguments, room)
        if way != "full":
            time.sleep(self._chance.uniform(0.0, 1.1 * usual))
        if way == "kill":
            self._signal(pid, signal.SIGKILL)
        elif way == "term":
            with _gone_is_fine():
                os.kill(pid, signal.SIGTERM)
        elif way == "gone":
            shutil.rmtree(place / "kept", ignore_errors=True)
        return self._wait(place, pid)

    def _start(self, place: Path, arguments: Sequence[str], room: int | None) -> int:
        pid = os.fork()
        if pid:
            return pid
        os.setsid()
        os.chdir(place)
        said = os.open(f"{place}.said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(said, 2)
        os.dup2(nothing, 1)
        open_streams()
        if room is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        return become(arguments)

    def _wait(self, place: Path, pid: int) -> tuple[int, str]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                self._signal(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise AssertionError(f"{place.name} never ended")
            time.sleep(0.01)
        self._signal(pid, signal.SIGKILL)  # what is left of its session
        return os.waitstatus_to_exitcode(status), Path(f"{place}.said").read_text(errors="replace")

    def _signal(self, pid: int, number: int) -> None:
        with _gone_is_fine():
            os.killpg(pid, number)


def _commit(place: Path) -> None:
    """Makes a folder a Git tree, and a clean one."""
    shutil.copy(place / "baseline.json", place / "kept")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "--message", "all")):
        subprocess.run(["git", *words], cwd=place, check=True)


def _gone_is_fine() -> suppress:
    return suppress(ProcessLookupError)


def main() -> int:
    """Holds all writers, or those that are named; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--writers", default=",".join(WRITERS))
    parser.add_argument("--ways", default="kill,term,full,gone")
    parser.add_argument("--pantry", type=Path)
    asked = parser.parse_args()
    names, ways, wrong = asked.writers.split(","), asked.ways.split(","), 0
    with tempfile.TemporaryDirectory(prefix="killing-") as name:
        place = Path(name)
        os.environ |= {"SIGBENCH_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1", "TMPDIR": name}
        pantry = asked.pantry or stock(place / "pantry")
        preload()
        killer = Killer(place, pantry, random.Random(asked.seed))
        for index, each in enumerate(names):
            share = asked.kills // len(names) + (index < asked.kills % len(names))
            began = time.monotonic()
            try:
                killer.hold(each, share, ways)
                print(f"{each}: {share} times ended in {time.monotonic() - began:.0f} s, nothing lost", flush=True)
            except AssertionError as error:
                wrong += 1
                print(f"{each}: {error}", flush=True)
    print(f"{sum(killer.counts.values())} ends: {dict(killer.counts)}; {wrong} writers failed")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

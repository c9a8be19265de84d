"""Kills sweeps at random moments and holds what they left against an undisturbed one.

    python tests/sweep_killing.py --kills 50

After each kill every record that was there before is still there, byte for byte, every file is a whole record, and no
process of the sweep lives on. At the end a last, undisturbed run makes the store equal to one that was never
disturbed, bit by bit, in everything but times of day, durations and memory. Whenever a sweep gets to its end before
it is killed, its store is compared too, and the next one begins with an empty store.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sweeping import comparable_store

SWEEP = """
device = "cpu"
tasks = ["gmm"]
samplers = ["sigdeg", "ddim", "euler-maruyama", "heun", "shark"]
steps = [2, 3, 4, 5, 6, 7, 8, 9]
samples = 100
repeats = 2
"""

SAID = "said.txt"


@dataclass
class Tally:
    """What became of the sweeps."""

    kills: int = 0
    in_flight: int = 0  # kills while cells were being measured or written
    half_written: int = 0  # temporary files that kills left behind
    stores: int = 0  # stores that came to their end, each equal to the undisturbed one
    cells: int = 0


def start(folder: Path, store: Path) -> subprocess.Popen[bytes]:
    """Starts the sweep in a session of its own."""
    command = [sys.executable, "-m", "sweep_program", "sweep", "sweep.toml", "--store", str(store), "--workers", "2"]
    # Another commit in the middle of all this would change the records' provenance; so none is found.
    environment = {**os.environ, "GIT_DIR": os.devnull, "OMP_NUM_THREADS": "1"}
    with (folder / SAID).open("wb") as said:
        return subprocess.Popen(
            [*command, "--threads", "1"],
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )


def check_end(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits for a sweep that nobody kills; raises AssertionError, with what it said, where it is not all well."""
    assert process.wait() == 0, (folder / SAID).read_text()


def session(leader: int) -> list[int]:
    """Returns the living processes of a session, zombies apart."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == leader and state not in "ZX":
            found.append(int(status.parent.name))
    return found


def wait_until_gone(leader: int, seconds: float = 30.0) -> None:
    """Waits for the last process of a session; raises AssertionError where one lives on."""
    deadline = time.monotonic() + seconds
    while alive := session(leader):
        assert time.monotonic() < deadline, f"processes {alive} live on"
        time.sleep(0.02)


def contents(store: Path) -> dict[str, bytes]:
    """Returns what is in the files of a store."""
    return {file.name: file.read_bytes() for file in store.glob("[!.]*")}


def kill_at_random(folder: Path, kills: int, seed: int) -> Tally:
    """Kills sweeps `kills` times in `folder`; raises AssertionError where one leaves behind what it should not."""
    chance, tally = random.Random(seed), Tally()
    (folder / "sweep.toml").write_text(SWEEP)
    (folder / "sweep_program.py").write_text(
        "from sigbench.cli.app import main\nif __name__ == '__main__':\n    main()\n"
    )
    calm = folder / "calm"
    began = time.monotonic()
    check_end(folder, start(folder, calm))
    usual = time.monotonic() - began
    truth = comparable_store(calm)
    tally.cells = len(truth)

    store = folder / "store-0"
    while tally.kills < kills:
        before = contents(store)
        process = start(folder, store)
        if tally.kills % 2 == 0:  # at any moment
            time.sleep(chance.uniform(0.0, usual))
        else:  # every other one within the work itself, which the start would else keep from being hit
            while process.poll() is None and len(contents(store)) == len(before):
                time.sleep(0.002)
            time.sleep(chance.expovariate(10.0))
        done = process.poll() is not None
        if not done:
            (os.killpg if chance.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
            tally.kills += 1
        process.wait()
        wait_until_gone(process.pid)
        after, found = contents(store), comparable_store(store)
        assert before.items() <= after.items(), "a record was lost or changed"
        assert found.items() <= truth.items(), "a record differs from that of an undisturbed sweep"
        tally.in_flight += not done and len(after) - len(before) > 0
        if done:
            check_end(folder, process)
            assert found == truth
            tally.stores += 1
            tally.half_written += len(list(store.glob(".writing-*")))
            store = folder / f"store-{tally.stores}"
    check_end(folder, start(folder, store))
    assert comparable_store(store) == truth
    tally.half_written += len(list(store.glob(".writing-*")))
    tally.stores += 1
    return tally


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        began_at = time.monotonic()
        print(kill_at_random(Path(place), chosen.kills, chosen.seed), f"in {time.monotonic() - began_at:.0f} s")

"""The local engine: workers that stay with what they know, that die, and that leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from pathlib import Path

import pytest
from sweeping import cells_of, children

from sigbench.sweep.engines.engine import Lost, Measured, Refusal, group_of
from sigbench.sweep.engines.local import LocalEngine

ENDING = '''
import os

from sigbench_baselines.euler import EulerMaruyama


class Ending(EulerMaruyama):
    """Ends its process in one way or another."""

    name = "ending"

    def __init__(self, by: int = 0, code: int = 0) -> None:
        self.by, self.code = by, code

    def walk(self, problem, x, grid, brownian):
        if self.by:
            os.kill(os.getpid(), self.by)
        os._exit(self.code)
'''


def test_workers_stay_with_what_they_know(tmp_path: Path) -> None:
    """An idle worker gets cells of its last task and seed first, and a new one such as nobody is at."""
    cells = cells_of(tmp_path, 'tasks = ["gmm", "gmm2d"]\nsamplers = ["ddim"]\nsteps = [2, 3]')
    with LocalEngine(2, 1) as engine:
        engine.begin(cells)
        first = engine.submit(cells[0])
        assert engine.preferred(cells[1:]) == [1, 2, 0]
        second = engine.submit(cells[2])
        wait([first, second])
        assert group_of(cells[engine.preferred(cells)[0]]) == group_of(cells[0])


def test_a_worker_that_is_killed_while_idle_costs_no_cell(tmp_path: Path) -> None:
    first, second = cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim"]\nsteps = [2, 3]')
    others = children()
    with LocalEngine(1, 1) as engine:
        engine.begin([first])
        assert isinstance(engine.submit(first).result(), Measured)
        (worker,) = children() - others
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
        while Path(f"/proc/{worker}").exists():
            time.sleep(0.01)
        assert isinstance(engine.submit(second).result(), Measured)
    assert children() == others


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("by=9", "was killed by the system (out of memory, perhaps)"),
        ("by=11", "was ended by signal 11 (Segmentation fault)"),
        ("code=7", "left with exit code 7"),
    ],
)
def test_it_is_told_how_a_worker_ended(tmp_path: Path, option: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(ENDING)
    text = f'tasks = ["gmm"]\nsamplers = ["{tmp_path}/mine.py:Ending:{option}", "ddim"]\nsteps = [2]'
    ending, sound = cells_of(tmp_path, text)
    with LocalEngine(1, 1) as engine:
        engine.begin([ending])
        with pytest.raises(Lost) as lost:
            engine.submit(ending).result()
        assert words in str(lost.value)
        assert isinstance(engine.submit(sound).result(), Measured)


def test_a_plug_in_that_leaves_while_it_is_planned_is_refused_and_ends_no_worker(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(ENDING)
    cell, sound = cells_of(tmp_path, f'tasks = ["gmm"]\nsamplers = ["{file}:Ending:code=3", "ddim"]\nsteps = [2]')
    file.write_text(ENDING + "\nraise SystemExit(5)\n")
    with LocalEngine(1, 1) as engine:
        engine.begin([cell])
        outcome = engine.submit(cell).result()
        assert isinstance(outcome, Refusal)
        assert "SystemExit: 5" in outcome.reason
        assert isinstance(engine.submit(sound).result(), Measured)


SWEEP = """
import sys
from pathlib import Path
from sigbench.sweep.engines.local import LocalEngine
from sweeping import cells_of

if __name__ == "__main__":
    engine = LocalEngine(1, 1)
    (cell,) = cells_of(Path(sys.argv[1]), 'tasks = ["gmm"]\\nsamplers = ["ddim"]\\nsteps = [2]')
    engine.begin([cell])
    engine.submit(cell).result()
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="names of semaphores are files on Linux alone")
def test_a_sweep_that_is_killed_whole_leaves_no_name_in_the_system(tmp_path: Path) -> None:
    """Nobody of the group lives to tidy up, the tracker of multiprocessing's names included."""
    (tmp_path / "program.py").write_text(SWEEP)
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    own = [file for file in Path("/dev/shm").glob("sem.mp-*") if _is_of(file, process.pid)]
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert own == []


def _is_of(file: Path, session: int) -> bool:
    """Whether a process of the session has the file open."""
    for status in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(status.name)) == session and str(file) in (status / "maps").read_text():
                return True
        except OSError:
            continue
    return False

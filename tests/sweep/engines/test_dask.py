"""Cells over Dask: a worker that is killed, one that joins late, and what is refused."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from clusters import Gate, digests, finished, local_digests, nodes_of, run_disturbed, sixty_cells

from sigbench.errors import BadInput
from sigbench.records.store import Store

pytestmark = [pytest.mark.dask, pytest.mark.slow]


class DaskNodes:
    """A scheduler and workers of one task at a time, each in a process of its own, as a user starts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = self._start("scheduler", "--port", "0", "--no-dashboard", until=r"Scheduler at:\s+(\S+)")

    def add(self, name: str, *options: str) -> None:
        """Has one more worker join."""
        place = (self.address, "--name", name, "--no-dashboard", *(options or ("--nthreads", "1")))
        self._start("worker", *place, until=r"Registered to:\s+(\S+)")

    def kill_worker_of(self, measuring: int) -> None:
        """Kills the worker for which a process measures; its nanny starts another, and the process ends by itself."""
        nannies = {process.pid for process in self._processes}
        (worker,) = [each for each in psutil.Process(measuring).parents() if each.ppid() in nannies]
        worker.kill()
        psutil.Process(measuring).wait(30)

    def close(self) -> None:
        """Ends all of them."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)

    def _start(self, kind: str, *options: str, until: str) -> str:
        said = self._folder / f"{kind}-{len(self._processes)}.txt"
        with said.open("wb") as out:
            command = [sys.executable, "-m", "dask", kind, "--host", "127.0.0.1", *options]
            self._processes.append(subprocess.Popen(command, stdout=out, stderr=out, cwd=self._folder))
        deadline = time.monotonic() + 90
        while not (found := re.findall(until, said.read_text())):
            assert self._processes[-1].poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        return str(found[0])


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaskNodes]:
    monkeypatch.chdir(tmp_path)
    found = DaskNodes(tmp_path)
    yield found
    found.close()


@pytest.mark.long
def test_sixty_cells_whatever_happens_to_workers(nodes: DaskNodes, tmp_path: Path) -> None:
    """Two workers are killed and one joins late: 60 of 60 records, equal to those of this machine."""
    from sigbench.sweep.engines.dask import DaskEngine

    cells, store = sixty_cells(tmp_path), Store(tmp_path / "store")
    nodes.add("first")
    nodes.add("second")
    with DaskEngine(nodes.address, None, 1) as engine:
        assert engine.workers_for(cells) == 2
        gate = Gate(tmp_path, store)

        def disturb() -> None:
            first, second = sorted(gate.wait_for_workers(2))
            os.kill(first, signal.SIGKILL)  # what measures for a worker: the worker says so
            nodes.kill_worker_of(second)  # a worker itself: Dask gives its cell to another one
            gate.open()
            gate.wait_for_records(8)
            gate.close()
            nodes.add("third")
            gate.wait_for_workers(3)
            gate.open()

        events = run_disturbed(cells, store, engine, disturb)
    assert len(finished(events)) == 60
    assert [event for event in events if event.what == "lost"] == []
    (reason,) = [event.reason for event in events if event.what == "again"]
    assert "its worker process was killed by the system" in reason
    assert {name.rpartition("/")[2] for name in nodes_of(events)} == {"first", "second", "third"}
    assert digests(store) == local_digests(cells, tmp_path / "local")


def test_workers_of_several_tasks_are_refused(nodes: DaskNodes, tmp_path: Path) -> None:
    from sigbench.sweep.engines.dask import DaskEngine

    nodes.add("broad", "--nthreads", "4")
    with (
        DaskEngine(nodes.address, None, None) as engine,
        pytest.raises(BadInput, match=r"runs 4 tasks at once.*--nthreads 1\.$"),
    ):
        engine.device_for("auto")

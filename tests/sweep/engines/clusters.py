"""What the tests of engines share: sixty cells, what they are on this machine, and a cluster of Ray's to disturb."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from sweeping import cells_of

from sigbench.records.store import Store
from sigbench.sweep.engines.engine import Engine
from sigbench.sweep.engines.local import LocalEngine
from sigbench.sweep.plan import PlannedCell
from sigbench.sweep.run import Event, run_sweep

HELD = """
import os
import time
from pathlib import Path

from sigbench_baselines.ddim import DDIM
from sigbench_baselines.euler import EulerMaruyama
from sigbench_baselines.heun import Heun
from sigbench_baselines.shark import ShARK
from sigbench_baselines.sra1 import SRA1

HERE = Path(__file__).parent


def held(base):
    class Held(base):
        name = f"held-{base.name}"

        def walk(self, problem, x, grid, brownian):
            (HERE / f"at-{os.getpid()}").touch()
            while (HERE / "held").exists():
                time.sleep(0.02)
            yield from super().walk(problem, x, grid, brownian)

    return Held


A, B, C, D, E = map(held, (DDIM, EulerMaruyama, Heun, ShARK, SRA1))
"""
PATIENCE_S = 120.0


def sixty_cells(folder: Path) -> list[PlannedCell]:
    """Returns sixty cells of gmm of a plug-in file: five samplers, six numbers of steps, two seeds."""
    (folder / "held.py").write_text(HELD)
    samplers = [f"held.py:{name}" for name in "ABCDE"]
    cells = cells_of(folder, f'tasks = ["gmm"]\nsamplers = {samplers}\nsteps = [2, 3, 4, 5, 6, 7]\nseeds = [0, 1]')
    assert len(cells) == 60
    return cells


class Gate:
    """Holds the cells of `sixty_cells` wherever they are measured, so that a test knows what it disturbs."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store
        self.close()

    def close(self) -> None:
        """No cell goes on from now on."""
        (self._folder / "held").touch()

    def open(self) -> None:
        """Cells go on."""
        (self._folder / "held").unlink()

    def working(self) -> set[int]:
        """Returns the living processes that have been at a cell."""
        found = {int(file.name.removeprefix("at-")) for file in self._folder.glob("at-*")}
        return {number for number in found if psutil.pid_exists(number) and not _is_gone(number)}

    def wait_for_workers(self, count: int, but: Collection[int] = ()) -> set[int]:
        """Waits until so many processes, others than `but`, are at cells; returns them."""
        return _wait(lambda: found if len(found := self.working() - set(but)) >= count else None)

    def wait_for_records(self, count: int) -> None:
        """Waits until so many records are in the store."""
        _wait(lambda: len(list(self._store.folder.glob("[!.]*.json"))) >= count or None)


def _is_gone(number: int) -> bool:
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _wait(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
    return found


def digests(store: Store) -> dict[str, str]:
    """Returns the digests of a store's records by key: all that they say, times apart."""
    return {record["key"]: record["digest"] for record in store}


def local_digests(cells: list[PlannedCell], folder: Path) -> dict[str, str]:
    """Returns the digests of the cells as this machine measures them."""
    store = Store(folder)
    list(run_sweep(cells, store, LocalEngine(1, 1)))
    return digests(store)


def run_disturbed(cells: list[PlannedCell], store: Store, engine: Engine, disturb: Callable[[], object]) -> list[Event]:
    """Runs a sweep in a thread while `disturb` does what it does beside it; returns all that happened."""
    given_up: list[bool] = []
    with ThreadPoolExecutor(1) as beside:
        sweep = beside.submit(lambda: list(run_sweep(cells, store, engine, should_stop=lambda: bool(given_up))))
        try:
            disturb()
        except BaseException as error:
            given_up.append(True)
            if (cause := sweep.exception()) is not None:
                raise cause from error
            raise
        return sweep.result()


def finished(events: list[Event]) -> list[Event]:
    """Returns the cells that were finished."""
    return [event for event in events if event.what == "finished"]


def nodes_of(events: list[Event]) -> set[str]:
    """Returns the nodes that finished a cell."""
    return {event.node for event in finished(events)}


class RayNodes:
    """A Ray cluster on this machine, a CPU a node, each started as a user does: `ray start`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._nodes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def add(self) -> None:
        """Has one more node join; the first one is the head."""
        said = self._folder / f"node-{len(self._nodes)}.txt"
        place = ["--address", self.address] if self.address else ["--head", "--port", "0", "--include-dashboard=false"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1", *place]
        options = ["--disable-usage-stats", "--object-store-memory", "100000000", "--min-worker-port", "0"]
        with said.open("wb") as out:
            self._nodes.append(subprocess.Popen([*command, *options, "--max-worker-port", "0"], stdout=out, stderr=out))
        deadline = time.monotonic() + 90
        while "Ray runtime started" not in (text := said.read_text()):
            assert self._nodes[-1].poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        if not self.address:
            self.address = re.findall(r"--address='([^']+)'", text)[0]

    def kill_raylet(self) -> None:
        """Kills the last node's raylet, as a machine that is gone takes it away."""
        (raylet,) = [each for each in psutil.Process(self._nodes[-1].pid).children() if each.name() == "raylet"]
        raylet.send_signal(signal.SIGKILL)
        self._nodes[-1].wait()

    def close(self) -> None:
        """Ends all nodes."""
        for node in reversed(self._nodes):
            own = psutil.Process(node.pid).children(recursive=True) if node.poll() is None else []
            node.terminate()
            try:
                node.wait(15)
            except subprocess.TimeoutExpired:
                node.kill()
            for each in own:
                if each.is_running():
                    each.kill()


class RayClusterNodes:
    """The same by Ray's own means for tests."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster()
        self._last: Any = None

    @property
    def address(self) -> str:
        """The address of the head."""
        return str(self._cluster.address)

    def add(self) -> None:
        """Has one more node join."""
        head = {} if self._last else {"include_dashboard": False}
        self._last = self._cluster.add_node(num_cpus=1, object_store_memory=100_000_000, **head)

    def kill_raylet(self) -> None:
        """Kills the last node's raylet."""
        process = self._last.all_processes["raylet"][0].process
        process.kill()
        process.wait()

    def close(self) -> None:
        """Ends all nodes."""
        self._cluster.shutdown()


@contextmanager
def two_nodes(kind: type[RayNodes | RayClusterNodes], folder: Path) -> Iterator[RayNodes | RayClusterNodes]:
    """Yields a cluster of two nodes."""
    nodes = kind(folder)
    try:
        nodes.add()
        nodes.add()
        yield nodes
    finally:
        nodes.close()

"""Cells over a Ray cluster, a task each: https://docs.ray.io.

`ray start --head` on one machine and `ray start --address=HOST:6379` on the others make a cluster; where there is none,
one is made of this machine. Nodes may join and leave; a cell whose worker or node is lost is measured elsewhere.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from sigbench.errors import BadInput
from sigbench.guard import one_line
from sigbench.sweep.engines.engine import Outcome
from sigbench.sweep.engines.identity import Answer, Inquiry, answer
from sigbench.sweep.engines.remote import (
    ANSWER_S,
    IMPORT_S,
    RemoteEngine,
    check_reachable,
    measure_remote,
    passed_on,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sigbench.sweep.engines.remote import RemoteJob
    from sigbench.sweep.plan import PlannedCell

_LOOK_S = 1.0  # how often the cluster is asked for its size
_START = "'ray start --head' starts a cluster, and prints its address"


class RayEngine(RemoteEngine):
    """The nodes of a Ray cluster: of an address, of RAY_ADDRESS, of this machine's cluster, or of one that is made."""

    def __init__(self, address: str, workers: int | None, threads: int | None) -> None:
        super().__init__(workers, threads)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = address or os.environ.get("RAY_ADDRESS", "")
        if ":" in address:
            check_reachable(address, "the Ray cluster", _START)
            _check_health(address)
        self._address = address or None
        self._is_ours = True
        self._connect(None)
        self._looked, self._size = 0.0, 0
        self._running: dict[Future[Outcome], Any] = {}

    def _connect(self, files: str | None) -> None:
        import ray

        # Ray prints what it hears of lost workers on stdout, where records go; they are told with their cells.
        vars(sys.modules["ray._private.worker"])["print_to_stdstream"] = lambda *_, **__: None
        options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
        if files is not None:
            options["runtime_env"] = {"working_dir": files}
        try:
            with _handlers_kept():
                if ray.is_initialized():
                    self._is_ours = False  # by who called this; it stays when we leave
                else:
                    ray.init(self._address, **options)
        except Exception as error:
            raise BadInput(
                f"the Ray cluster {self._address or ''} cannot be joined: {one_line(str(error))}."
            ) from error
        self._ships = files is not None
        self._measure = ray.remote(max_retries=0)(_measure)
        self._answer = ray.remote(max_retries=0, num_cpus=0)(_answer)

    def _ask(self, inquiry: Inquiry) -> list[Answer]:
        found = self._answers_of(inquiry)
        if self._is_ours and not self._ships and any(told.unseen for told in found):
            with _staged(inquiry) as folder:
                self.leave()
                self._connect(folder)
            found = self._answers_of(Inquiry("", inquiry.files, inquiry.written))
        return found

    def _answers_of(self, inquiry: Inquiry) -> list[Answer]:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        asked = {
            node: self._answer.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
                inquiry
            )
            for node in nodes
        }
        found = []
        for node, reference in asked.items():
            try:
                found.append(ray.get(reference, timeout=IMPORT_S))
            except ray.exceptions.NodeDiedError:
                continue  # it was lost meanwhile
            except Exception as error:
                raise BadInput(f"the Ray node {node[:8]} cannot measure: {one_line(str(error))}.") from error
        return found

    def _slots(self) -> int:
        import ray

        if monotonic() - self._looked > _LOOK_S:
            self._looked = monotonic()
            held = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            if self._is_on_cuda:
                self._each = max([int(node.get("GPU", 0)) for node in held], default=0) * (self._most or 1)
                self._size = sum(int(node.get("GPU", 0)) for node in held) * (self._most or 1)
            else:
                self._each = max([int(node.get("CPU", 0)) // self._threads for node in held], default=0)
                self._size = sum(int(node.get("CPU", 0)) // self._threads for node in held)
        return self._size

    def submit(self, cell: "PlannedCell") -> Future[Outcome]:
        self._slots()
        job = self._remote_job(cell, max(1, min(self._each, self._at_once())))
        gpus = 1 / (self._most or 1) if cell.settings.device == "cuda" else 0
        reference = self._measure.options(num_cpus=self._threads, num_gpus=gpus).remote(job, self._ships)
        outcome = passed_on(reference.future(), _how_lost)
        self._running[outcome] = reference
        outcome.add_done_callback(lambda done: self._running.pop(done, None))
        return outcome

    def end(self) -> None:
        import ray

        for reference in list(self._running.values()):
            with suppress(Exception):
                ray.cancel(reference, force=True)

    def leave(self) -> None:
        import ray

        if self._is_ours:
            with _handlers_kept():
                ray.shutdown()


def _measure(job: "RemoteJob", ships: bool) -> Any:
    from dataclasses import replace

    return measure_remote(replace(job, folder=None) if ships else job, _node())


def _answer(inquiry: Inquiry) -> Answer:
    return answer(inquiry, _node())


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())[:8]


def _how_lost(error: BaseException) -> str:
    kind = type(error).__name__
    if kind == "OutOfMemoryError":
        return "its worker was killed by Ray, because its node ran out of memory"
    if kind == "WorkerCrashedError":
        return "its worker process was killed, or crashed"
    if kind in ("NodeDiedError", "LocalRayletDiedError"):
        return "its node was lost"
    return f"Ray gave it up ({kind}: {one_line(str(error))})"


def _check_health(address: str) -> None:
    """Raises BadInput where what listens is no Ray cluster: to join one would then wait for minutes."""
    if address.startswith("ray://"):
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        done = subprocess.run(command, capture_output=True, timeout=ANSWER_S)
    except subprocess.TimeoutExpired:
        raise BadInput(f"what listens at {address!r} does not answer as a Ray cluster in 10 s; {_START}.") from None
    if done.returncode:
        raise BadInput(f"what listens at {address!r} is no Ray cluster; {_START}.")


@contextmanager
def _staged(inquiry: Inquiry) -> "Iterator[str]":
    """Yields a folder with the plug-in files, which Ray takes to nodes that do not see this machine's."""
    with tempfile.TemporaryDirectory() as stage:
        for file in inquiry.files:
            place = Path(stage) / file
            if not place.resolve().is_relative_to(Path(stage).resolve()):
                continue  # an absolute path is not taken along: nodes that do not see it are told of
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((Path(inquiry.folder) / file).read_bytes())
        yield stage


@contextmanager
def _handlers_kept() -> "Iterator[None]":
    """Keeps what the command does about signals: Ray would take SIGTERM for itself."""
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if is_main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

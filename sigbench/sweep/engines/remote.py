"""What engines of other machines share: who the workers are is asked before work begins, and again by each job."""

import os
import socket
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigbench.errors import BadInput
from sigbench.registry import is_file_task
from sigbench.spec import parse_plug_in, parse_spec
from sigbench.sweep.engines.engine import Engine, Lost, Outcome
from sigbench.sweep.engines.identity import (
    Answer,
    Identity,
    Inquiry,
    check_answers,
    device_for,
    file_hash,
    node_name,
    own_identity,
)
from sigbench.sweep.engines.work import Job, measure_job

if TYPE_CHECKING:
    from sigbench.sweep.plan import PlannedCell

ANSWER_S = 10.0  # how long an address may take to answer
IMPORT_S = 120.0  # how long a node may take to load torch and answer
_UNFIT_S = 3.0


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as it travels: with who its worker has to be, and the folder from which the cell's files are seen."""

    job: Job
    identity: Identity
    folder: str | None


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why this worker may not measure what others may: it joined late, with other code."""

    reason: str


def measure_remote(remote: RemoteJob, node: str = "") -> Outcome | Unfit:
    """Returns the outcome of a cell on another machine than the sweep's."""
    if (mismatch := own_identity().mismatch(remote.identity)) is not None:
        time.sleep(_UNFIT_S)  # so that one such node does not draw all the work to itself
        return Unfit(f"the node {node_name(node)} {mismatch}")
    if remote.folder is not None and Path(remote.folder).is_dir():
        os.chdir(remote.folder)
    return measure_job(remote.job, node_name(node))


class RemoteEngine(Engine):
    """Workers on other machines, or in processes that somebody else started on this one.

    There are at most `workers` cells at once (None: as many as there is room for), or on CUDA devices that many on
    each (None: one), with `threads` torch threads each (None: one).
    """

    retries = 3

    def __init__(self, workers: int | None, threads: int | None) -> None:
        self._most, self._threads = workers, threads or 1
        self._answers: Sequence[Answer] = ()
        self._is_on_cuda = False

    @abstractmethod
    def _ask(self, inquiry: Inquiry) -> list[Answer]:
        """Returns what each node says; raises BadInput where one cannot say it."""

    @abstractmethod
    def _slots(self) -> int:
        """How many cells fit at once."""

    @cached_property
    def _identity(self) -> Identity:
        return own_identity()

    def device_for(self, asked: str) -> str:
        if not self._answers:
            self._answers = self._checked(Inquiry(str(Path.cwd()), {}, ()))
        return device_for(asked, self._answers)

    def begin(self, cells: Sequence["PlannedCell"]) -> None:
        self._is_on_cuda = any(cell.settings.device == "cuda" for cell in cells)
        files = {file: file_hash(Path(file)) or "" for file in plug_in_files(cells)}
        written = tuple(dict.fromkeys(folder for cell in cells for folder in cell.written_folders))
        self._answers = self._checked(Inquiry(str(Path.cwd()), files, written))

    def _checked(self, inquiry: Inquiry) -> list[Answer]:
        found = self._ask(inquiry)
        if not found:
            raise BadInput("the cluster has no node that could measure a cell: start workers, and try again.")
        check_answers(found)
        return found

    def workers_for(self, cells: Sequence["PlannedCell"]) -> int:
        return max(1, min(self._at_once(), len(cells)))

    def _at_once(self) -> int:
        slots = self._slots()
        return slots if self._most is None or self._is_on_cuda else min(slots, self._most)

    @property
    def room(self) -> int:
        # More than there are workers for: nodes that join find work at once, and clusters that grow see what waits.
        slots = self._at_once()
        return slots if self._most is not None and not self._is_on_cuda else slots + max(slots, 8)

    def _remote_job(self, cell: "PlannedCell", at_once: int) -> RemoteJob:
        return RemoteJob(Job(cell, at_once, self._threads), self._identity, str(Path.cwd()))


def plug_in_files(cells: Sequence["PlannedCell"]) -> list[str]:
    """Returns the files that cells are made of beside installed packages: those that their specs name, FILE.py:CLASS,
    FILE.toml and files among options' values, and what plug-ins import from beside them.
    """
    found: dict[str, None] = {}
    for cell in cells:
        spec = parse_spec(cell.sampler)
        metrics = [parse_plug_in(metric) for metric in cell.settings.metrics]
        named = [cell.settings.task, *(each.name for each in (spec, *metrics))]
        own = [name.rpartition(":")[0] for name in named if ".py:" in name]
        plug_ins = cell.determinants.get("code", {}).get("plug_ins", ())
        beside = [str(Path(file).parent / each) for file in own for code in plug_ins for each in code["files"]]
        values = [value for each in (spec, *metrics) for value in each.options.values()]
        more = [each for each in (*beside, *values, cell.settings.grid or "") if each and Path(each).is_file()]
        found |= dict.fromkeys([*own, *more, *([cell.settings.task] if is_file_task(cell.settings.task) else [])])
    return list(found)


def passed_on(work: "Future[Any]", how_lost: Callable[[BaseException], str]) -> Future[Outcome]:
    """Returns the future of an outcome: an Unfit worker, and whatever the engine raises, are Lost."""
    outcome: Future[Outcome] = Future()

    def give(done: "Future[Any]") -> None:
        try:
            found = done.result()
        except BaseException as error:
            outcome.set_exception(error if isinstance(error, Lost) else Lost(how_lost(error)))
            return
        if isinstance(found, Unfit):
            outcome.set_exception(Lost(found.reason))
        else:
            outcome.set_result(found)

    work.add_done_callback(give)
    return outcome


def check_reachable(address: str, what: str, start: str) -> None:
    """Raises BadInput where nobody listens at HOST:PORT within ten seconds; `start` says how to have somebody do so."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S):
            return
    except (OSError, ValueError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error) or "no answer"
        raise BadInput(f"{what} at {address!r} does not answer: {why}; {start}.") from None

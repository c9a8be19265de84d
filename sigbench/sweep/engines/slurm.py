"""Cells in shards, each a job of a SLURM array: https://github.com/facebookincubator/submitit.

A job measures its cells one after another and leaves what comes of each in a folder that all nodes share, where the
sweep finds it within a second. One job a cell would be too fine for a queue.
"""

import json
import shutil
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from sigbench.errors import BadInput, unknown_name
from sigbench.guard import one_line
from sigbench.records.store import make_folder, replacing
from sigbench.spec import whole_number
from sigbench.sweep.engines.engine import Engine, Lost, Measured, Outcome, Refusal, group_of
from sigbench.sweep.engines.identity import own_identity
from sigbench.sweep.engines.remote import RemoteJob, Unfit, measure_remote
from sigbench.sweep.engines.work import Job

if TYPE_CHECKING:
    from sigbench.sweep.plan import PlannedCell

_LOOK_S = 0.5
_GRACE_S = 15.0  # how long a shared file system may take to show what a job wrote before it ended
_ALONE_S = 600.0  # after so long without a sign of the sweep a job ends
_ROOM = 1_000_000


@dataclass(frozen=True, slots=True)
class SlurmOptions:
    """What follows `slurm:`; `time` is in minutes, `gpus` and `mem` of each job, and `cluster` slurm or local."""

    shards: int = 8
    partition: str = ""
    time: int = 60
    gpus: int = 0
    mem: str = ""
    account: str = ""
    qos: str = ""
    folder: str = ".sigbench/slurm"
    cluster: str = "slurm"

    def parameters(self, threads: int) -> dict[str, Any]:
        """Returns them as submitit has them."""
        found = {"timeout_min": self.time, "cpus_per_task": threads, "slurm_array_parallelism": self.shards}
        named = {"partition": self.partition, "mem": self.mem, "account": self.account, "qos": self.qos}
        given = {f"slurm_{name}": value for name, value in named.items() if value}
        return {**found, **given, **({"gpus_per_node": self.gpus} if self.gpus else {})}


def read_options(text: str) -> SlurmOptions:
    """Returns the options of `slurm:key=value,key=value`; raises BadInput for what is none."""
    kinds = {each.name: type(each.default) for each in fields(SlurmOptions)}
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if name not in kinds:
            raise unknown_name("option of slurm", name, kinds)
        number = whole_number(value)
        if not equals or not value or (kinds[name] is int and (number is None or number < (name != "gpus"))):
            raise BadInput(f"the option {name} of slurm is {'a number' if kinds[name] is int else 'a text'}: {part!r}.")
        found[name] = number if kinds[name] is int else value
    options = SlurmOptions(**found)
    if options.cluster not in ("slurm", "local"):
        raise unknown_name("cluster of slurm", options.cluster, ("slurm", "local"))
    return options


@dataclass
class _Shard:
    """A job, the cells that it has not finished, in its order, and since when it is known to have ended."""

    job: Any
    left: list[str]
    ended: float | None = field(default=None)


class SlurmEngine(Engine):
    """Jobs of SLURM, or with `cluster=local` processes of this machine that stand for them."""

    retries = 1

    def __init__(self, options: SlurmOptions, workers: int | None, threads: int | None) -> None:
        if options.cluster == "slurm" and shutil.which("sbatch") is None:
            raise BadInput("there is no SLURM here, 'sbatch' is not found: start the sweep where jobs are submitted.")
        if workers is not None:
            raise BadInput("the engine slurm takes no --workers: say how many jobs there are, slurm:shards=N.")
        self._options, self._threads = options, threads or 1
        self._folder = make_folder(Path(options.folder).resolve(), "the folder of jobs")
        self._waiting: list[PlannedCell] = []
        self._futures: dict[str, Future[Outcome]] = {}
        self._shards: list[_Shard] = []
        self._looked = 0.0

    def workers_for(self, cells: Sequence["PlannedCell"]) -> int:
        return max(1, min(self._options.shards, len(cells)))

    def device_for(self, asked: str) -> str:
        have = self._options.gpus > 0
        if asked == "cuda" and not have:
            raise BadInput("the device is cuda, and no job has a GPU: say how many, slurm:gpus=1.")
        return ("cuda" if have else "cpu") if asked == "auto" else asked

    def begin(self, cells: Sequence["PlannedCell"]) -> None:
        self._workers = self.workers_for(cells)
        make_folder(self._folder / "outcomes", "the folder of outcomes")

    @property
    def room(self) -> int:
        return _ROOM  # all cells at once: they are dealt out to shards

    def submit(self, cell: "PlannedCell") -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self._futures[cell.key] = future
        if not self._take(cell.key):  # left there by jobs of a sweep that was killed
            self._waiting.append(cell)
        return future

    def flush(self) -> None:
        if self._waiting:
            self._start()
        if monotonic() - self._looked < _LOOK_S:
            return
        self._looked = monotonic()
        (self._folder / "alive").touch()
        for shard in list(self._shards):
            shard.left = [key for key in shard.left if not self._take(key)]
            if not shard.left:
                self._shards.remove(shard)
            elif shard.job.done():
                shard.ended = shard.ended or monotonic()
                if monotonic() - shard.ended > (_GRACE_S if self._options.cluster == "slurm" else 0.0):
                    self._shards.remove(shard)
                    self._lose(shard)

    def end(self) -> None:
        for shard in self._shards:
            with suppress(Exception):
                shard.job.cancel(check=False)
        self._waiting, self._futures, self._shards = [], {}, []

    def _start(self) -> None:
        from submitit import AutoExecutor

        (self._folder / "alive").touch()
        shards = deal(self._waiting, self._options.shards)
        identity, place = own_identity(), str(Path.cwd())
        executor = AutoExecutor(folder=self._folder / "jobs", cluster=self._options.cluster)
        executor.update_parameters(name="sigbench", **self._options.parameters(self._threads))
        work = [[RemoteJob(Job(cell, self._workers, self._threads), identity, place) for cell in one] for one in shards]
        try:
            with executor.batch():
                jobs = [executor.submit(measure_shard, one, str(self._folder)) for one in work]
        except Exception as error:
            raise BadInput(f"SLURM refused the jobs: {one_line(str(error))}.") from error
        self._shards += [_Shard(job, [cell.key for cell in one]) for job, one in zip(jobs, shards, strict=True)]
        self._waiting = []

    def _take(self, key: str) -> bool:
        """Gives on what came of a cell, if it is there."""
        file = outcome_file(self._folder, key)
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):
            return False
        file.unlink(missing_ok=True)
        if "record" in found:
            self._futures.pop(key).set_result(Measured(**found))
        elif "unfit" in found:
            self._futures.pop(key).set_exception(Lost(found["unfit"]))
        else:
            self._futures.pop(key).set_result(Refusal(found["refusal"]))
        return True

    def _lose(self, shard: _Shard) -> None:
        """Tells the cells of a job that is gone; it was at the first of them."""
        reason = f"its job {shard.job.job_id} ended before it did ({shard.job.state})"
        for place, key in enumerate(shard.left):
            self._futures.pop(key).set_exception(Lost(reason, begun=place == 0))


def outcome_file(folder: Path, key: str) -> Path:
    """Returns where a job leaves what came of a cell."""
    return folder / "outcomes" / f"{key}.json"


def deal(cells: Sequence["PlannedCell"], shards: int) -> list[list["PlannedCell"]]:
    """Returns the cells in at most so many shards of about equal work; those that share references stay together."""
    groups = {group: place for place, group in enumerate(dict.fromkeys(map(group_of, cells)))}
    ordered = sorted(cells, key=lambda cell: groups[group_of(cell)])
    each = sum(cell.work + 1.0 for cell in cells) / shards
    found: list[list[PlannedCell]] = [[]]
    done = 0.0
    for cell in ordered:
        if found[-1] and done + (cell.work + 1.0) / 2 > each * len(found) and len(found) < shards:
            found.append([])
        found[-1].append(cell)
        done += cell.work + 1.0
    return found


def measure_shard(jobs: Sequence[RemoteJob], folder: str) -> int:
    """What a job does: measures its cells in turn, until the sweep is gone; returns how many it measured."""
    place, node = Path(folder), socket.gethostname().partition(".")[0]
    sign, since = _sign(place), monotonic()
    for count, job in enumerate(jobs):
        outcome = measure_remote(job)
        with replacing(outcome_file(place, job.job.cell.key)) as temporary:
            temporary.write_text(json.dumps(_told(outcome, node)))
        if (now := _sign(place)) != sign:
            sign, since = now, monotonic()
        elif monotonic() - since > _ALONE_S:
            return count + 1
    return len(jobs)


def _told(outcome: Outcome | Unfit, node: str) -> dict[str, Any]:
    if isinstance(outcome, Measured):
        return {"record": outcome.record, "seconds": outcome.seconds, "node": node}
    return {"unfit" if isinstance(outcome, Unfit) else "refusal": outcome.reason}


def _sign(folder: Path) -> float:
    """When the sweep last gave a sign of life, by the clock of the file system."""
    try:
        return (folder / "alive").stat().st_mtime
    except OSError:
        return 0.0

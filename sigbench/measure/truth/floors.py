"""Floors: what exact draws of the truth score, in closed form, from the task's own table, from the cache, or drawn.

A floor is the expectation of a metric over independent exact draws of the truth at its number of samples; no seed of a
measurement has a part in it. `sigbench floors` draws until its standard error is 1 %; what is found for a task's
default sizes comes with the task. Elsewhere a measurement draws a few dozen, keeps them in the cache, and the record
says how many there were and how far they can be trusted.

An entry belongs to a task and its version, the conditions, a metric and its method, and a number of samples. One in the
cache belongs to the code of the task and of the metric as well; one that comes with a task is the task's to renew, with
a new version, when its law changes.
"""

import hashlib
import inspect
import json
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sigbench.abilities import HasFloors, HasHashes, conditions_of, observe_truth
from sigbench.errors import BadInput
from sigbench.files import cache_folder, read_file
from sigbench.guard import one_line
from sigbench.measure.source.plug_ins import code_of, package_code
from sigbench.measure.truth.references import number_of
from sigbench.metrics.estimate import Floor, floor_of, imperfection
from sigbench.metrics.metric import Metric, Reference
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.store import keep_in_cache, replacing
from sigbench.sde.noise import seed_of
from sigbench.task import Task
from sigbench.user_code import USER_MODULE

_UNKNOWN = Floor(0.0, 0.0, None, 0)
_ROUNDING = 1e-12  # relative: what the order of a sum changes
DRAWS = 20  # of a measurement whose floor nobody drew before


class FloorEntry(msgspec.Struct, frozen=True):
    """A floor as files keep it: what it belongs to, and what was found."""

    task: str
    owner: str  # the task's class, since one that derives from it may have another law
    version: int
    conditions: dict[str, float]
    metric: str
    method: str
    n: int
    floor: Floor
    code: str = ""  # the hash of the task's and the metric's code, "" where the task vouches for it


class Floors:
    """The floors of a task under its metrics; those that nobody knows are drawn once, all on the same draws."""

    def __init__(self, task: Task, metrics: Sequence[Metric], draws: int = DRAWS) -> None:
        self._task, self._metrics, self._draws = task, metrics, draws
        self._known: dict[tuple[str, int], Floor] = {}

    def floor(self, metric: Metric, n: int) -> Floor:
        """Returns the floor of a metric at its size for n samples."""
        size = metric.sample_size(n)
        if (metric.name, size) not in self._known:
            self._find(n)
        return self._known[metric.name, size]

    def _find(self, n: int) -> None:
        missing = []
        for metric in self._metrics:
            size = metric.sample_size(n)
            floor = metric.exact_floor(self._task.truth(), size) or _kept(self._task, metric, size, self._draws)
            if floor is None:
                missing.append(metric)
            else:
                self._known[metric.name, size] = floor
        if missing:
            # What they belong to is written down before: a metric may keep something while it judges.
            asked = {m.name: entry_of(self._task, m, m.sample_size(n), with_code=True) for m in missing}
            for metric, floor in draw_floors(self._task, missing, n, most=self._draws):
                self._known[metric.name, metric.sample_size(n)] = floor
                keep(msgspec.structs.replace(asked[metric.name], floor=floor))


def draw_floors(
    task: Task,
    metrics: Sequence[Metric],
    n: int,
    *,
    most: int,
    precision: float | None = None,
    progress: Listener = ignore,
) -> Iterator[tuple[Metric, Floor]]:
    """Yields each metric with its floor at n samples, from independent exact draws.

    Without `precision` it is `most` draws. With it a metric ends as soon as its standard error is that share of its
    floor's distance from a perfect score, or of a third of one draw's deviation where that is larger. Draw number i is
    the same whatever is asked for.
    """
    truth, open_, values = task.truth(), list(metrics), {metric.name: list[float]() for metric in metrics}
    for draw in range(most):
        progress(Progress(f"exact draws of {task.name}", draw, most))
        axes: dict[str, str | int] = {"task": task.name, "purpose": "floor", "draw": draw}
        reference = Reference(truth, seed_of(**axes, side="reference"))
        seen: dict[int, Any] = {}
        for metric in list(open_):
            size = metric.sample_size(n)
            if size not in seen:
                seen[size] = observe_truth(task, size, seed_of(**axes, side="draw"))
            own = values[metric.name]
            own.append(number_of(metric, seen[size], reference))
            if precision is not None and len(own) >= DRAWS and len(own) % 10 == 0:
                floor = _floor_of(own, metric)
                if floor.draws < 2 or floor.error <= precision * _size(floor, metric):
                    open_.remove(metric)
                    yield metric, floor
        if not open_:
            return
    for metric in open_:
        yield metric, _floor_of(values[metric.name], metric)


def _size(floor: Floor, metric: Metric) -> float:
    """What a floor's error is held against: its distance from a perfect score, at least a third of a deviation."""
    return max(imperfection(floor.value, metric.better, metric.bounds), (floor.sd or 0.0) / 3)


def _floor_of(values: Sequence[float], metric: Metric) -> Floor:
    """The floor of draws; those that are all the same, such as a whole test set, are one."""
    same = max(values) - min(values) <= _ROUNDING * max(map(abs, values))
    return floor_of(values[:1] if same else values, metric.better)


def entry_of(task: Task, metric: Metric, size: int, floor: Floor = _UNKNOWN, *, with_code: bool = False) -> FloorEntry:
    """Returns the entry that a file keeps of a floor; one with the code belongs to that as well."""
    return FloorEntry(
        task=task.name,
        owner=_owner(task),
        version=task.version,
        conditions=conditions_of(task),
        metric=metric.name,
        method=metric.method,
        n=size,
        floor=floor,
        code=_code_of(task, metric) if with_code else "",
    )


def _owner(task: Task) -> str:
    """The task's class: by its package, or by the name of a user's file, wherever that lies."""
    cls = type(task)
    module = Path(inspect.getfile(cls)).name if cls.__module__.startswith(USER_MODULE) else cls.__module__
    return f"{module}:{cls.__qualname__}"


def keep(entry: FloorEntry) -> None:
    """Writes an entry into the cache."""
    keep_in_cache(_place(entry), msgspec.json.encode(entry))


def read_floors(file: Path) -> list[FloorEntry]:
    """Returns the entries of a task's own table; raises BadInput for a file that is none."""
    try:
        return msgspec.json.decode(read_file(file, "the file"), type=list[FloorEntry])
    except (BadInput, msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise BadInput(f"{file} is no table of floors: {one_line(str(error)).rstrip('.')}.") from None


def merge_floors(file: Path, entries: Sequence[FloorEntry]) -> None:
    """Writes entries into a task's own table, an entry a line, in the place of those that belong to the same."""
    known = read_floors(file) if file.exists() else []
    kept = [entry for entry in known if not any(_belongs(entry) == _belongs(new) for new in entries)]
    lines = [msgspec.json.encode(entry).decode() for entry in [*kept, *entries]]
    with replacing(file) as temporary:
        temporary.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def _kept(task: Task, metric: Metric, size: int, draws: int) -> Floor | None:
    """The floor that the task comes with, or one in the cache of at least as many draws."""
    asked = entry_of(task, metric, size)
    if isinstance(task, HasFloors):
        for entry in read_floors(task.floors()):
            if _belongs(entry) == _belongs(asked):
                return entry.floor
    asked = entry_of(task, metric, size, with_code=True)
    try:
        entry = msgspec.json.decode(read_file(_place(asked), "the floor"), type=FloorEntry)
    except (BadInput, msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    enough = entry.floor.draws == 1 or entry.floor.draws >= draws  # draws that are all the same are one
    return entry.floor if _belongs(entry) == _belongs(asked) and enough else None


def _belongs(entry: FloorEntry) -> FloorEntry:
    """What an entry belongs to."""
    return msgspec.structs.replace(entry, floor=_UNKNOWN)


def _place(entry: FloorEntry) -> Path:
    name = hashlib.blake2b(msgspec.json.encode(_belongs(entry), order="sorted"), digest_size=12).hexdigest()
    return cache_folder("floors") / f"{name}.json"


def _code_of(task: Task, metric: Metric) -> str:
    options = {name: _written(value) for name, value in sorted(vars(metric).items())}
    code = [code_of("task", type(task)), code_of(metric.name, type(metric)), package_code()["sigbench/metrics"]]
    named = dict(task.hashes()) if isinstance(task, HasHashes) else {}
    parts = [*code, options, {name: _written(value) for name, value in sorted(vars(task).items())}, named]
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=10).hexdigest()


def _written(value: Any) -> str:
    """An option as text: a hash of all that it holds, or its kind where it cannot be written down."""
    try:
        return hashlib.blake2b(pickle.dumps(value), digest_size=10).hexdigest()
    except Exception:  # whatever a stranger's object may raise
        return type(value).__qualname__

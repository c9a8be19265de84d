"""The gate at work: measures a baseline's curves, judges them, and makes new baselines."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sigbench.errors import SigbenchError
from sigbench.gate.baseline import Baseline, CurveEntry, PointEntry, TaskEntry
from sigbench.gate.judge import Judgement, judge
from sigbench.gate.measure import Measured, fingerprint, measure_points
from sigbench.gate.plan import Filter, cells_of
from sigbench.gate.tree import commit_of
from sigbench.measure.cell import Cell, pick_device, pick_dtype
from sigbench.measure.references import References
from sigbench.metrics.estimate import Better
from sigbench.progress import Listener, Progress
from sigbench.records.provenance import provenance
from sigbench.registry import make_task


def judge_now(baseline: Baseline, curves: Sequence[CurveEntry], progress: Listener) -> Judgement:
    """Measures the curves of a baseline and returns the verdicts.

    Raises BadInput, before anything is measured, where a curve cannot be measured as the baseline says.
    """
    return _judge(baseline, curves, _measure(baseline, curves, progress))


def measure_baseline(plan: Baseline, curves: Sequence[CurveEntry], progress: Listener) -> Baseline:
    """Returns the plan with `curves` of it measured anew, everything else as it was.

    Raises SigbenchError where a sampler fails: a baseline holds no failures.
    """
    for curve in curves:
        plan["tasks"][curve["task"]]["version"] = make_task(curve["task"]).version
    measured = iter(_measure(plan, curves, progress))
    new = deepcopy(plan)
    wanted = {(curve["task"], curve["sampler"]) for curve in curves}
    for curve in new["curves"]:
        if (curve["task"], curve["sampler"]) in wanted:
            curve["points"] = [_entry(next(measured)) for _ in curve["points"]]
            curve["machine"] = fingerprint(pick_device(plan["tasks"][curve["task"]]["device"]))
            curve["git"] = commit_of(Path.cwd())
            curve["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    return new


def judge_against(old: Baseline, new: Baseline, wanted: Filter) -> tuple[Judgement, list[str]]:
    """Returns the verdicts on a new baseline against the old one, and a sentence for what cannot be compared.

    Only points that both hold, measured in the same way, are compared; the margins are the new one's.
    """
    before = {(c["task"], c["sampler"], p["steps"]): (c, p) for c in old["curves"] for p in c["points"]}
    curves: list[CurveEntry] = []
    measured: list[Measured] = []
    apart = []
    for curve in filter(wanted.takes, new["curves"]):
        shared = []
        for point in curve["points"]:
            found = before.get((curve["task"], curve["sampler"], point["steps"]))
            where = f"{curve['task']}, {curve['sampler']} at {point['steps']} steps"
            if found is None or not found[1]["values"]:
                apart.append(f"{where}: new.")
            elif not _alike(old["tasks"].get(curve["task"]), new["tasks"][curve["task"]], found[1]):
                apart.append(f"{where}: measured in another way than before, not compared.")
            else:
                shared.append(found[1])
                measured.append(_measured(curve, point))
        if shared:
            machine = before[curve["task"], curve["sampler"], shared[0]["steps"]][0]["machine"]
            curves.append({**curve, "points": shared, "machine": machine})
    return _judge(new, curves, measured), apart


def _judge(baseline: Baseline, curves: Sequence[CurveEntry], measured: Sequence[Measured]) -> Judgement:
    tasks = {name: baseline["tasks"][name] for name in dict.fromkeys(curve["task"] for curve in curves)}
    senses: dict[str, dict[str, Better]] = {
        name: {metric.name: metric.better for metric in make_task(name).metrics()} for name in tasks
    }
    first = next(iter(tasks.values()), None)
    device = pick_device(first["device"] if first is not None else "cpu")
    dtype = pick_dtype(first["dtype"] if first is not None else "float32")
    return judge(baseline, curves, measured, senses, fingerprint(device), provenance(device, dtype, {}))


def _measure(baseline: Baseline, curves: Sequence[CurveEntry], progress: Listener) -> list[Measured]:
    """Measures every point, in the order of the curves; all are planned before the first is measured."""
    planned: list[tuple[CurveEntry, list[Cell]]] = [(curve, cells_of(baseline, curve)) for curve in curves]
    total = sum(len(cells) for _, cells in planned)
    references: dict[str, References] = {}
    done: list[Measured] = []
    for curve, cells in planned:
        if not cells:
            continue
        if curve["task"] not in references:
            references[curve["task"]] = References(cells[0])
        metrics, name = tuple(baseline["tasks"][curve["task"]]["margins"]), f"{curve['task']} · {curve['sampler']}"
        hear = partial(_tell, progress, name, len(done), total, cells)
        done += measure_points(cells, references[curve["task"]], metrics, hear)
    return done


def _tell(
    progress: Listener, name: str, before: int, total: int, cells: Sequence[Cell], index: int, share: float
) -> None:
    progress(Progress(f"{name} · {cells[index].grid.steps} steps", before + index + 0.9 * share, total))


def _entry(point: Measured) -> PointEntry:
    if point.failure is not None or point.nfe is None:
        raise SigbenchError(
            f"{point.sampler} on {point.task} at {point.steps} steps {point.failure} No baseline was written: "
            f"it would hold a failure."
        )
    return {"steps": point.steps, "nfe": point.nfe, "values": point.values, "times": point.times}


def _measured(curve: CurveEntry, point: PointEntry) -> Measured:
    return Measured(curve["task"], curve["sampler"], point["steps"], point["nfe"], point["values"], point["times"])


def _alike(before: TaskEntry | None, now: TaskEntry, point: PointEntry) -> bool:
    """Whether two baselines measured a task the same way; margins may differ."""
    if before is None or any(len(values) != now["repeats"] for values in point["values"].values()):
        return False
    return {**before, "margins": {}} == {**now, "margins": {}}

"""The gate at work: measures a baseline's curves, judges them, and makes new baselines."""

from collections.abc import Sequence
from dataclasses import replace

from sigbench.abilities import metrics_of
from sigbench.errors import SigbenchError
from sigbench.gate.against import loosened, worsened
from sigbench.gate.baseline import Baseline
from sigbench.gate.curves import Curve, curves_of
from sigbench.gate.judge import Judgement, Pair, judge, loosened_by
from sigbench.gate.plan import Filter, cells_of, guarded_tasks, new_cells_of
from sigbench.measure.cell import Cell
from sigbench.measure.run import measure
from sigbench.measure.settings import pick_device, pick_dtype
from sigbench.progress import Listener, Progress
from sigbench.records.changes import same_request
from sigbench.records.key import determinants_of
from sigbench.records.names import display_name
from sigbench.records.provenance import provenance
from sigbench.records.record import Record
from sigbench.registry import make_task


def judge_now(baseline: Baseline, curves: Sequence[Curve], progress: Listener) -> Judgement:
    """Measures the curves of a baseline and returns the verdicts.

    Raises BadInput, before anything is measured, where a curve cannot be measured as the baseline says.
    """
    cells = [cell for curve in curves for cell in cells_of(baseline, curve)]
    now = _measured(cells, progress)
    before = [record for curve in curves for record in curve.records]
    return _judge(baseline, curves, list(zip(before, now, strict=True)))


def measure_baseline(plan: Baseline, curves: Sequence[Curve], progress: Listener) -> Baseline:
    """Returns the plan with `curves` of it measured anew, everything else as it was.

    Raises SigbenchError where a sampler fails: a baseline holds no failures.
    """
    cells = [new_cells_of(plan, curve) for curve in curves]
    records = iter(_measured([cell for several in cells for cell in several], progress))
    fresh = {
        (curve.task, curve.sampler): [_sound(next(records)) for _ in several]
        for curve, several in zip(curves, cells, strict=True)
    }
    kept = {(curve.task, curve.sampler): list(curve.records) for curve in curves_of(plan["records"])}
    return {**plan, "records": [record for points in (kept | fresh).values() for record in points]}


def judge_against(old: Baseline, new: Baseline, wanted: Filter) -> tuple[Judgement, list[str]]:
    """Returns the verdicts on a new baseline against the old one, and a sentence for what cannot be compared.

    Only points that both hold, measured in the same way, are compared; the margins are the new one's.
    """
    before = {_point(record): record for record in old["records"]}
    pairs: list[Pair] = []
    curves: list[Curve] = []
    apart = []
    for curve in filter(wanted.takes, curves_of(new["records"])):
        shared = []
        for record in curve.records:
            found = before.get(_point(record))
            where = f"{curve.task}, {curve.sampler} at {record['steps']} steps"
            if found is None:
                apart.append(f"{where}: new.")
            elif not _alike(found, record):
                apart.append(f"{where}: measured in another way than before, not compared.")
            else:
                shared.append(found)
                pairs.append((found, record))
        if shared:
            curves.append(replace(curve, records=tuple(shared)))
    return _judge(new, curves, pairs), apart


def held_against(judgement: Judgement, old: Baseline, new: Baseline) -> Judgement:
    """Returns a judgement by `new` that also knows what `new` asks less of than `old`, its records included."""
    against, _ = judge_against(old, new, Filter())
    return loosened_by(judgement, [*loosened(old, new), *worsened(against)])


def _judge(baseline: Baseline, curves: Sequence[Curve], pairs: Sequence[Pair]) -> Judgement:
    known = {name: [metric.name for metric in metrics_of(make_task(name))] for name in guarded_tasks(curves)}
    facts = pairs[0][1]["provenance"] if pairs else provenance(pick_device("cpu"), pick_dtype("float32"), {})
    return judge(baseline, curves, pairs, known, {**facts, "artifacts": {}})


def _measured(cells: Sequence[Cell], progress: Listener) -> list[Record]:
    """Measures cells in their order; `progress` hears of them all."""
    done: list[Record] = []

    def hear(each: Progress) -> None:
        cell = cells[min(len(done), len(cells) - 1)]
        share = each.done / each.total if each.total else 0.0
        progress(Progress(f"{cell.task.name} · {cell}", len(done) + 0.9 * share, len(cells)))

    for record in measure(cells, progress=hear):
        done.append(record)
    return done


def _sound(record: Record) -> Record:
    if record["status"] != "ok":
        raise SigbenchError(
            f"{display_name(record)} on {record['task_spec']} at {record['steps']} steps {record['status']}: "
            f"{record.get('error', '')} No baseline was written: it would hold a failure."
        )
    return record


def _point(record: Record) -> tuple[str, str, str, int]:
    return record["task_spec"], record["spec"], record["role"], record["steps"]


def _alike(before: Record, now: Record) -> bool:
    """Whether two records answer the same question, of the same version of the task; others may judge."""
    one, other = (determinants_of(record) for record in (before, now))
    for each in (one, other):
        each["asked"] = {**each["asked"], "metrics": {}}
    return before["task_version"] == now["task_version"] and same_request(one, other)

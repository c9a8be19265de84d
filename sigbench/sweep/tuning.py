"""Tuning: each training-free sampler's best grid and options, chosen on noise that no record uses.

Candidates are cells like any other, of the task's first metric alone, under a seed that is hashed for tuning. The best
by the mean of their repeats is what the sweep then measures, on its own seeds; its record says of how many it is the
best, and under which hash its task's are in `choices.json`.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import msgspec
import numpy as np

from sigbench.errors import BadInput
from sigbench.measure.settings import Settings
from sigbench.measure.truth.judges import plan_metrics
from sigbench.records.comparison import score
from sigbench.records.record import TuningRecord
from sigbench.records.store import Store
from sigbench.sde.noise import seed_of
from sigbench.sweep.budget import TooFewCalls, steps_within
from sigbench.sweep.elsewhere import plan_for
from sigbench.sweep.file import SweepFile
from sigbench.sweep.plan import Chooser, Chosen, PlannedCell, SkippedCell, planned, too_few_calls

_HASH = 12


@dataclass(frozen=True)
class Candidate:
    """A cell that is measured to choose among a sampler's specs, for a budget of `calls`."""

    sampler: str
    calls: int
    spec: str
    cell: PlannedCell


class Choice(msgspec.Struct, frozen=True):
    """What was chosen for a sampler on a task at a budget: `spec` of `steps`; `scores` are all candidates' means."""

    task: str
    sampler: str
    calls: int
    spec: str
    steps: int
    scores: dict[str, float]


class Tuning(msgspec.Struct, frozen=True):
    """All choices of a sweep: by task the metric that made them, and their hash."""

    metrics: dict[str, str]
    choices: list[Choice]
    hashes: dict[str, str] = {}

    def choice(self, task: str, sampler: str, calls: int) -> Choice | None:
        """Returns the choice for the budget that is nearest in ratio, the smaller of two; None without any."""
        found = [each for each in self.choices if (each.task, each.sampler) == (task, sampler)]
        return min(found, key=lambda each: (abs(log(each.calls / calls)), each.calls), default=None)

    def note(self, choice: Choice) -> TuningRecord:
        """Returns what a record says of its choice."""
        return {"candidates": len(choice.scores), "calls": choice.calls, "hash": self.hashes[choice.task]}

    def chosen(self, task: str, sampler: str, calls: int) -> Chosen | None:
        """Returns what is to be measured of a sampler at a budget, None where it was not tuned."""
        found = self.choice(task, sampler, calls)
        return None if found is None else Chosen(found.spec, self.note(found))

    def beside(self, earlier: "Tuning") -> "Tuning":
        """Returns this tuning with what an earlier one says of tasks that are not in it."""
        metrics = {task: name for task, name in earlier.metrics.items() if task not in self.metrics}
        return Tuning(
            {**metrics, **self.metrics},
            [*(choice for choice in earlier.choices if choice.task in metrics), *self.choices],
            {**{task: earlier.hashes[task] for task in metrics}, **self.hashes},
        )

    def to_text(self) -> str:
        """Returns the tuning as its file holds it."""
        return json.dumps(msgspec.to_builtins(self), indent=1) + "\n"


def read_tuning(file: Path) -> Tuning:
    """Returns the tuning that a file holds, an empty one where there is none or it is damaged: it is made anew."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Tuning)
    except (OSError, msgspec.MsgspecError):
        return Tuning({}, [])


def plan_tuning(file: SweepFile) -> tuple[list[Candidate], list[SkippedCell]]:
    """Returns the candidates of all samplers that [tune] is for, and those that cannot be measured, with the reason."""
    found: list[Candidate] = []
    skipped: list[SkippedCell] = []
    for task, settings, sampler, spec, calls in _wanted(file):
        try:
            steps = steps_within(settings, spec, calls)
            (cell,) = plan_for(settings, [spec], [steps])
        except TooFewCalls:
            skipped.append(too_few_calls(task, sampler, calls))
            continue
        except BadInput as error:
            skipped.append(SkippedCell(task, sampler, None, (), f"at {calls} calls: {error}"))
            continue
        found.append(Candidate(sampler, calls, spec, planned(cell, settings, spec, (steps,))))
    return found, skipped


def different_cells(candidates: Sequence[Candidate]) -> list[PlannedCell]:
    """Returns the candidates' cells, each once: two budgets may allow the same steps."""
    return list({each.cell.key: each.cell for each in candidates}.values())


def first_candidates(file: SweepFile) -> Chooser:
    """Returns a chooser that takes each sampler's first candidate: what a plan stands on that is not tuned yet."""

    def first(task: str, sampler: str, calls: int, /) -> Chosen | None:
        specs = file.tune.candidates(task, sampler) if file.tune is not None else []
        return Chosen(specs[0], {"candidates": len(specs), "calls": calls, "hash": ""}) if specs else None

    return first


def choose(candidates: Sequence[Candidate], store: Store) -> Tuning:
    """Returns the best candidate of each sampler, task and budget, by the mean score of its record in `store`.

    What failed or diverged is not chosen. Raises BadInput where a candidate has no record.
    """
    groups: dict[tuple[str, str, int], dict[str, tuple[float, int]]] = {}
    metrics: dict[str, str] = {}
    for each in candidates:
        record = store.read(each.cell.key)
        if record is None:
            raise BadInput(f"{each.cell} with the grid {each.cell.grid} is not tuned yet: its record is missing.")
        if record["status"] != "ok":
            continue
        (name,) = record["metrics"]
        metrics[each.cell.task] = name
        metric = record["metrics"][name]
        mean = float(np.mean([score(value, metric["better"]) for value in metric["values"]]))
        groups.setdefault((each.cell.task, each.sampler, each.calls), {})[each.spec] = mean, each.cell.steps
    choices = [
        Choice(task, sampler, calls, best, scores[best][1], {spec: mean for spec, (mean, _) in scores.items()})
        for (task, sampler, calls), scores in groups.items()
        for best in [min(scores, key=lambda spec: scores[spec][0])]
    ]
    return Tuning(metrics, choices, {task: _hash_of(task, metric, choices) for task, metric in metrics.items()})


def _wanted(file: SweepFile) -> Iterator[tuple[str, Settings, str, str, int]]:
    """Every task, its settings, a sampler of the sweep, a spec of it and a budget."""
    if file.tune is None:
        return
    for task in file.tasks:
        seed = seed_of(task=task, seed=int((file.axis("seeds", task, {}) or (0,))[0]), purpose="tuning")
        usual = file.settings(task, seed=seed, grid=None)
        samples, repeats = (file.tune.size(name, task) for name in ("samples", "repeats"))
        settings = replace(
            usual,
            samples=samples or usual.samples,
            repeats=repeats or usual.repeats,
            nfe=None,
            metrics=(),
            time_calls=False,
        )
        settings = replace(settings, only=(plan_metrics(settings)[1][0].name,))
        for sampler, _ in file.samplers(task):
            for spec in file.tune.candidates(task, sampler):
                for calls in file.tune.calls:
                    yield task, settings, sampler, spec, calls


def _hash_of(task: str, metric: str, choices: Sequence[Choice]) -> str:
    own = [msgspec.to_builtins(choice) for choice in choices if choice.task == task]
    facts = json.dumps({"metric": metric, "choices": own}, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()[:_HASH]

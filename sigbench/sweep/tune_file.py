"""The table [tune] of a sweep file: among which grids and options each training-free sampler is shown on its best.

[tune]
calls = [5, 10, 20]                  # the budgets of network calls that are tuned for
grids = ["quadratic", "log-snr"]     # the candidates' grids
options = { final = ["none", "denoise"] }   # and options, which all samplers take; students are tuned in these alone
repeats = 4                          # left out, like samples: as elsewhere in the file

[tune.task.mnist]                    # grids, samples and repeats for one task
samples = 4000

[tune.sampler.dpmpp-2m]              # grids for one sampler, and further options: each combination is a candidate
options = { lower_order_final = ["true", "false"] }
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sigbench.errors import unknown_name
from sigbench.measure.settings import MAX_SAMPLES
from sigbench.registry import sampler_class
from sigbench.sde.grid import MAX_STEPS
from sigbench.sde.grids.find import family_grid
from sigbench.spec import parse_spec
from sigbench.sweep.toml_checks import (
    Mistake,
    Table,
    as_dict,
    as_list,
    kind_of,
    list_of,
    single,
    tables,
    text,
    unknown_keys,
    whole,
)
from sigbench.sweep.toml_lines import KeyPath

MOST_CANDIDATES = 12
TUNE_KEYS = ("calls", "grids", "options", "samples", "repeats", "task", "sampler")
_CHECKS: dict[str, Callable[[KeyPath, Any], Iterator[Mistake]]] = {
    "calls": list_of(whole(1, MAX_STEPS)),
    "grids": list_of(text(family_grid)),
    "samples": single(whole(2, MAX_SAMPLES)),
    "repeats": single(whole(2, 1000)),
}
_OF_TASK, _OF_SAMPLER = ("grids", "samples", "repeats"), ("grids", "options")


@dataclass(frozen=True)
class TuneFile:
    """What [tune] says, every value checked."""

    common: Table
    of_task: Mapping[str, Table]
    of_sampler: Mapping[str, Table]

    @property
    def calls(self) -> Sequence[int]:
        """The budgets that are tuned for."""
        return tuple(sorted(set(self.common["calls"])))

    def size(self, name: str, task: str) -> int | None:
        """Returns "samples" or "repeats" of a task's candidates, None where nothing is said here."""
        found: int | None = {**self.common, **self.of_task.get(task, {})}.get(name)
        return found

    def candidates(self, task: str, spec: str) -> list[str]:
        """Returns the specs among which a sampler's is chosen.

        There are none where it is not tuned: the teacher, what names grid or steps itself, and a student, which knows
        its grid, without options.
        """
        asked = parse_spec(spec)
        if asked.name == "teacher" or asked.steps is not None or "grid" in asked.options:
            return []
        own = self.of_sampler.get(asked.name, {})
        options = _options(self.common, own)
        chosen = [dict(each) for each in _combinations({k: v for k, v in options.items() if k not in asked.options})]
        if sampler_class(asked.name).family == "student":
            return [str(asked.given(each)) for each in chosen if each]
        grids = own.get("grids", self.of_task.get(task, {}).get("grids", self.common["grids"]))
        return [str(asked.given({**each, "grid": grid})) for grid in grids for each in chosen]


def tune_file(table: Table) -> TuneFile | None:
    """Returns what a sweep's table says under [tune], None where there is no such table."""
    if (found := table.get("tune")) is None:
        return None
    common = {name: value for name, value in found.items() if name not in ("task", "sampler")}
    return TuneFile(common, found.get("task", {}), found.get("sampler", {}))


def tune_mistakes(
    table: Any, tasks: Sequence[str], names: Sequence[str], option_mistakes: Callable[..., Iterator[Mistake]]
) -> Iterator[Mistake]:
    """Yields what is wrong with [tune], given the sweep's tasks and samplers and the check of a sampler's options."""
    if not isinstance(table, dict):
        yield ("tune",), f"is a table, [tune], not {kind_of(table)}."
        return
    yield from unknown_keys(table, TUNE_KEYS, ("tune",))
    for key, example in (("calls", "[5, 10, 20]"), ("grids", '["quadratic", "uniform"]')):
        if key not in table:
            yield ("tune",), f"names no {key}: {key} = {example}."
    for key in table.keys() & _CHECKS.keys():
        yield from _CHECKS[key](("tune", key), table[key])
    for kind, known, keys in (("task", tasks, _OF_TASK), ("sampler", names, _OF_SAMPLER)):
        for name, below in tables(table, kind):
            path: KeyPath = ("tune", kind, name)
            if not isinstance(below, dict):
                yield path, f"is a table, [tune.{kind}.{name}], not {kind_of(below)}."
                continue
            if name not in known:
                yield path, str(unknown_name(f"{kind} of the sweep", name, known))
            yield from unknown_keys(below, keys, path)
            for key in below.keys() & _CHECKS.keys() & set(keys):
                yield from _CHECKS[key]((*path, key), below[key])
            if "options" in below and kind == "sampler":
                yield from option_mistakes((*path, "options"), name, below["options"])
    if "options" in table:
        samplers = [name for name in names if name != "teacher"]
        found = [list(option_mistakes(("tune", "options"), name, table["options"])) for name in samplers]
        yield from next((mistakes for mistakes in found if mistakes), [])
    yield from _too_many(table, names)


def _too_many(table: Table, names: Sequence[str]) -> Iterator[Mistake]:
    of_tasks = [as_list(as_dict(below).get("grids")) for _, below in tables(table, "task")]
    usual = max([as_list(table.get("grids")), *of_tasks], key=len)
    own = {name: as_dict(below) for name, below in tables(table, "sampler")}
    for name in names:
        grids = as_list(own.get(name, {}).get("grids")) or usual
        count = len(grids) * len(_combinations(_options(table, own.get(name, {}))))
        if count > MOST_CANDIDATES:
            path: KeyPath = ("tune", "sampler", name) if name in own else ("tune",)
            yield (
                path,
                f"has {count} candidates of {name}, {len(grids)} grids times options, and at most {MOST_CANDIDATES} "
                "are tried.",
            )


def _options(common: Table, own: Table) -> Table:
    """The options of all samplers, and those of one, which go before them."""
    return {**as_dict(common.get("options")), **as_dict(own.get("options"))}


def _combinations(options: Table) -> list[tuple[tuple[str, str], ...]]:
    choices = [[(name, str(value)) for value in (as_list(values) or [values])] for name, values in options.items()]
    return list(itertools.product(*choices))

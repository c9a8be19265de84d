"""What an ablation found of one student: the lines of `sigbench ablate --json`."""

from dataclasses import dataclass

import msgspec

from sigbench.records.record import Record
from sigbench.report.text import counts_in_words

_PLAIN = {"loss": "local", "memory": 0, "base": "exponential", "training_seed": 0}


@dataclass(frozen=True, slots=True)
class Variant:
    """A student by what may be varied, judged at `steps`; it was trained for these, or for all that it `serves`."""

    order: int = 2
    steps: int = 5
    grid: str = "quadratic"
    loss: str = "local"
    memory: int = 0
    base: str = "exponential"
    training_seed: int = 0
    serves: tuple[int, ...] = ()

    def __str__(self) -> str:
        changed = [
            f"{n.replace('_', ' ')} {getattr(self, n)}" for n, usual in _PLAIN.items() if getattr(self, n) != usual
        ]
        if self.serves:
            changed.append(f"trained for {counts_in_words(self.serves)} steps")
        return ", ".join([f"order {self.order}", f"{self.steps} steps", self.grid, *changed])


class AblationResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="ablation", omit_defaults=True):
    """A student, whether it is the one that others are compared with, its budget and cost, and its record.

    `training_s` leaves out `paths_s`, what the paths of the teacher took that students share. `superseded` results
    were measured with an older program. `left_out` is the share of variance that its signatures leave out, and
    `variance` that of its samples over the data's, where they are known.
    """

    task: str
    variant: Variant
    usual: bool
    budget: dict[str, int]
    training_s: float | None
    paths_s: float
    record: Record
    superseded: bool = False
    left_out: float | None = None
    variance: float | None = None

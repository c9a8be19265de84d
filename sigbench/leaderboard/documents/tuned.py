"""What pages say of tuning: which grid and options were chosen, and what the last call is worth on the denoised sample.

The scores are those of all candidates, on noise that no record is of: `leaderboard/tuning.json`, which the official
sweep wrote as `choices.json`.
"""

from collections.abc import Iterable

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.evidence import FOLDER
from sigbench.leaderboard.documents.tables import NONE, markdown_table
from sigbench.leaderboard.markdown import escaped
from sigbench.records.names import DENOISED, chosen, display_name, is_tuned
from sigbench.records.record import Record
from sigbench.report.numbers import number, percent
from sigbench.sweep.tuning import Choice, Tuning, read_tuning

_FILE = "tuning.json"


def tuned_table(records: Iterable[Record], metric: str) -> str:
    """Returns a row a sampler and a column a budget that was tuned for: the grid and the options that were chosen."""
    some = [record for record in records if is_tuned(record)]
    budgets = sorted({record["tuning"]["calls"] for record in some})
    rows: dict[str, dict[int, str]] = {}
    for record in some:
        rows.setdefault(escaped(display_name(record)), {})[record["tuning"]["calls"]] = escaped(chosen(record))
    table = [[name, *(row.get(calls, NONE) for calls in budgets)] for name, row in sorted(rows.items())]
    return markdown_table([f"by `{metric}`", *(f"{calls} calls" for calls in budgets)], table, words=1 + len(budgets))


def last_step_table(task: str) -> str:
    """Returns a row a sampler and a column a budget: the best score without and with a last call that denoises.

    Each is the best over the candidates' grids and other options; in percent how much the denoising call costs.
    """
    tuning = _tuning(task)
    own = [choice for choice in tuning.choices if choice.task == task]
    budgets = sorted({choice.calls for choice in own})
    rows: dict[str, dict[int, str]] = {}
    for choice in own:
        rows.setdefault(escaped(choice.sampler), {})[choice.calls] = _ends(choice)
    table = [[name, *(row.get(calls, NONE) for calls in budgets)] for name, row in sorted(rows.items())]
    return markdown_table([f"`{tuning.metrics[task]}`", *(f"{calls} calls" for calls in budgets)], table)


def _ends(choice: Choice) -> str:
    without = [score for spec, score in choice.scores.items() if DENOISED not in spec]
    denoised = [score for spec, score in choice.scores.items() if DENOISED in spec]
    if not without or not denoised:
        return NONE
    one, other = min(without), min(denoised)
    sign = "+" if other > one else "−"
    return f"{number(one)}, {number(other)} ({sign}{percent(abs(other / one - 1))})"


def _tuning(task: str) -> Tuning:
    found = read_tuning(FOLDER / _FILE)
    if task not in found.metrics:
        raise BadInput(f"{FOLDER / _FILE} holds no tuning of {task}.")
    return found

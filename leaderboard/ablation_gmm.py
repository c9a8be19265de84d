"""What the signature and the grid are worth on `gmm`: trains a small student for each and prints the table.

`python leaderboard/ablation_gmm.py` does what is missing and writes the records to
`leaderboard/ablation-gmm.jsonl`; `--show` only prints the table of what is there.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from sigbench.measure.cell import Settings, plan_cells
from sigbench.measure.run import measure
from sigbench.registry import make_task
from sigbench.sde.grid import FAMILIES
from sigbench.sigdeg.distillation.training import StudentChoices, train_student
from sigbench.sigdeg.generators.linear_step import linear_step

ORDERS = (1, 2, 3, 4)
STEPS = 5
ITERATIONS = 3000
RECORDS = Path(__file__).with_name("ablation-gmm.jsonl")


def measure_variant(order: int, grid: str) -> dict[str, Any]:
    """Trains a student of this order on this grid for 5 steps, half as wide as the shipped one, and measures it."""
    with tempfile.TemporaryDirectory() as folder:
        choices = StudentChoices(order=order, grid=grid, steps=(STEPS,), iterations=ITERATIONS, width=64)
        train_student("gmm", choices, Path(folder), command="python leaderboard/ablation_gmm.py")
        settings = Settings("gmm", samples=100_000, repeats=5, grid=grid)
        (record,) = measure(plan_cells(settings, [f"sigdeg:artifact={folder}"], [STEPS]))
    return {"order": order, "grid": grid, "record": {**record, "sampler": "sigdeg"}}


def table(entries: list[dict[str, Any]]) -> str:
    """Returns the Markdown table: W1 with its 95 % interval, and lost variance."""
    found = {(e["order"], e["grid"]): e["record"]["metrics"] for e in entries}
    lines = ["| signature order | " + " | ".join(FAMILIES) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for order in ORDERS:
        cells = [_cell(found.get((order, grid))) for grid in FAMILIES]
        lines.append(f"| {order} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(metrics: dict[str, Any] | None) -> str:
    if metrics is None:
        return "–"
    w1, lost = metrics["w1"], metrics["lost-variance"]
    return f"{w1['value']:.4f} [{w1['low']:.4f}, {w1['high']:.4f}], {100 * lost['value']:.1f} %"


def regression_table() -> str:
    """Returns the Markdown table of the variance that regression to the mean takes away from a lone Gaussian mode.

    It is exact: what the signature leaves out of each linear step, carried on to the end.
    """
    task = make_task("gmm")
    problem, truth = task.problem(torch.device("cpu"), torch.float32), task.truth()
    std = float(np.sqrt(truth.weights @ truth.stds**2))
    lines = ["| signature order | " + " | ".join(FAMILIES) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for order in ORDERS:
        cells = []
        for grid in FAMILIES:
            lost = 0.0
            for step in problem.grid(grid, STEPS):
                linear = linear_step(problem.schedule, problem.time(step.start), problem.time(step.end), std, order)
                lost = lost * linear.decay**2 + linear.lost_variance
            cells.append(f"{100 * lost / std**2:.2f} %")
        lines.append(f"| {order} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measures the variants that are missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="only print the table of what is there")
    show = parser.parse_args().show
    entries = [json.loads(line) for line in RECORDS.read_text().splitlines()] if RECORDS.exists() else []
    done = {(e["order"], e["grid"]) for e in entries}
    missing = [(order, grid) for grid in FAMILIES for order in ORDERS if (order, grid) not in done]
    for order, grid in track([] if show else missing, "training students"):
        entries.append(measure_variant(order, grid))
        RECORDS.write_text("".join(json.dumps(e) + "\n" for e in entries))
    print(table(entries))
    print()
    print(regression_table())


if __name__ == "__main__":
    main()

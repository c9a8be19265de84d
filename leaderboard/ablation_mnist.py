"""What the signature's order is worth on `mnist`: trains a student for each with the same budget and prints the table.

`python leaderboard/ablation_mnist.py` does what is missing in the folder `--work` (the teacher's paths are walked once,
which takes most of an hour on two cores, and each student a quarter of one) and writes the records to
`leaderboard/ablation-mnist.jsonl`; `--show` only prints the table of what is there.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from sigbench.measure.cell import Cell, Settings, plan_cells
from sigbench.measure.run import measure
from sigbench.sigdeg.distillation.training import StudentChoices, train_student
from sigbench_tasks.mnist import idx

ORDERS, STEPS, ITERATIONS = (1, 2, 3), (5, 10), 1_400
RECORDS = Path(__file__).with_name("ablation-mnist.jsonl")


def measure_variant(order: int, work: Path) -> list[dict[str, Any]]:
    """Trains a student of this order where it is missing, and measures it at every number of steps."""
    folder = work / f"order{order}"
    if not (folder / "manifest.json").exists():
        choices = StudentChoices(order=order, iterations=ITERATIONS)
        with Progress(console=Console(stderr=True)) as progress:
            bar = progress.add_task(f"order {order}")
            train_student(
                "mnist",
                choices,
                folder,
                command="python leaderboard/ablation_mnist.py",
                paths=work / "paths",
                report=lambda done, total, loss: progress.update(bar, completed=done, total=total),
            )
    variances: list[float] = []

    def variance(cell: Cell, samples: Tensor) -> None:
        variances.append(float(samples.double().var(0).sum()))

    cells = plan_cells(Settings("mnist", dtype="bfloat16"), [f"sigdeg:artifact={folder}"], STEPS)
    records = list(measure(cells, on_samples=variance))
    data = float(idx.images("train").astype(np.float32).var(0, dtype=np.float64).sum())
    return [
        {"order": order, "variance": own / data, "record": {**record, "sampler": "sigdeg"}}
        for own, record in zip(variances, records, strict=True)
    ]


def table(entries: list[dict[str, Any]]) -> str:
    """Returns the Markdown table: FCD with its 95 % interval, label accuracy, and the variance of pixels."""
    lines = [
        "| signature order | steps | FCD | label accuracy | variance of the pixels, of the data's |",
        "|---" * 5 + "|",
    ]
    for entry in entries:
        record = entry["record"]
        fcd, accuracy = record["metrics"]["fcd"], record["metrics"]["label-accuracy"]
        lines.append(
            f"| {entry['order']} | {record['steps']} | {fcd['value']:.2f} [{fcd['low']:.2f}, {fcd['high']:.2f}] | "
            f"{100 * accuracy['value']:.1f} % | {100 * entry['variance']:.1f} % |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures the variants that are missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="only print the table of what is there")
    parser.add_argument("--work", type=Path, default=Path("ablation-mnist"), help="folder of paths and students")
    options = parser.parse_args()
    entries = [json.loads(line) for line in RECORDS.read_text().splitlines()] if RECORDS.exists() else []
    for order in () if options.show else ORDERS:
        if order not in {entry["order"] for entry in entries}:
            entries += measure_variant(order, options.work)
            RECORDS.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    print(table(entries))


if __name__ == "__main__":
    main()

"""Draws leaderboard/rivals-TASK.png and .svg: students, the best training-free samplers and the teacher, by calls.

python leaderboard/rivals.py
"""

from pathlib import Path

import sigbench
from sigbench.leaderboard.documents.rivals import curves
from sigbench.report.charts import quality_chart, save_chart

FOLDER = Path(__file__).parent
METRICS = {"gmm": "w1", "gmm2d": "sliced-w2"}


def main() -> None:
    """Writes the pictures of all tasks whose students were measured."""
    for file in sorted((FOLDER / "apart" / "rivals").glob("*.jsonl")):
        metric = METRICS[file.stem]
        chart = quality_chart(curves(sigbench.load(file), metric), metric)
        for ending in (".png", ".svg"):
            save_chart(chart, FOLDER / f"rivals-{file.stem}{ending}")


if __name__ == "__main__":
    main()

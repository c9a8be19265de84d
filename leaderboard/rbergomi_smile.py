"""Draws `leaderboard/rbergomi-smile.png`: the smile of a few samplers' paths beside the model's own."""

from pathlib import Path

import altair as alt

from sigbench.measure.cell import plan_cells
from sigbench.measure.draw import draw_samples
from sigbench.measure.settings import Settings
from sigbench.report.charts import save_chart
from sigbench_tasks.rbergomi.pictures import smile_chart
from sigbench_tasks.rbergomi.smile_metric import reference_smile, smile_rows
from sigbench_tasks.rbergomi.task import ARTIFACTS, RBergomi

CELLS = (
    ("sigdeg", "quadratic", "Sig-DEG, 5 calls"),
    ("ddim", "quadratic", "DDIM, 5 calls"),
    ("shark", "uniform", "ShARK on a uniform grid, 10 calls"),
)


def main() -> None:
    """Draws 10,000 samples of each and writes the picture."""
    task, reference, charts = RBergomi(), reference_smile(ARTIFACTS / "smile"), []
    for sampler, grid, title in CELLS:
        (cell,) = plan_cells(Settings("rbergomi", repeats=1, dtype="bfloat16", grid=grid), [sampler], [5])
        seen = task.observe(draw_samples(cell, 0).samples, None)
        charts.append(smile_chart(smile_rows(seen, reference), title))
    picture = alt.hconcat(*charts).resolve_scale(y="shared", x="shared", color="shared")
    save_chart(picture, Path(__file__).with_name("rbergomi-smile.png"))


if __name__ == "__main__":
    main()

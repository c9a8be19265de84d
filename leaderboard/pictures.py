"""Draws the committed charts of quality from the records: the README's, and those of students side by side.

python leaderboard/pictures.py
"""

from pathlib import Path

import altair as alt
from PIL import Image

import sigbench
from sigbench.leaderboard.documents.cost_chart import cost_chart
from sigbench.leaderboard.documents.rivals import curves, one_training
from sigbench.report.charts import quality_chart, save_chart

FOLDER = Path(__file__).parent
SHOWN = ("sigdeg", "ipndm", "unipc", "deis", "dpmpp-3m", "dpmpp-2m", "ddim")  # as the table in README.md has them
CALLS = (5, 10, 20)
SAMPLES = 1_000_000_000  # whose cost is shown
RIVALS = {"gmm": "w1", "gmm2d": "sliced-w2", "rbergomi": "w1"}


def main() -> None:
    """Writes the pictures."""
    records = [record for record in sigbench.load(FOLDER / "records" / "gmm.jsonl") if record["status"] == "ok"]
    samplers = [r for name in SHOWN for r in records if (r["role"], r["sampler"]) == ("sampler", name)]
    teacher = [record for record in records if record["role"] == "teacher"]
    draw(quality_chart([*(r for r in samplers if r["nfe"] in CALLS), *teacher], "w1"), "gmm-w1.png")
    for task, metric in RIVALS.items():
        students = sigbench.load(FOLDER / "apart" / "rivals" / f"{task}.jsonl")
        draw(quality_chart(curves(students, metric), metric), f"rivals-{task}.png")
    quiet = [*sigbench.load(FOLDER / "apart" / "times" / "rivals-gmm.jsonl")]
    students = one_training(sigbench.load(FOLDER / "apart" / "rivals" / "gmm.jsonl"), "w1")
    draw(cost_chart(students, "w1", SAMPLES, quiet), "rivals-gmm-cost.png")


def draw(chart: alt.TopLevelMixin, name: str) -> None:
    """Writes a picture in as many colours as a palette holds."""
    file = FOLDER / name
    save_chart(chart, file)
    with Image.open(file) as picture:
        smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller.save(file, optimize=True)


if __name__ == "__main__":
    main()

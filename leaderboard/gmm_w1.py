"""Draws leaderboard/gmm-w1.png, the README's picture: the samplers of its table, and the teacher, from the records.

python leaderboard/gmm_w1.py
"""

from pathlib import Path

from PIL import Image

import sigbench
from sigbench.report.charts import quality_chart, save_chart

FOLDER = Path(__file__).parent
SHOWN = ("sigdeg", "ipndm", "unipc", "deis", "dpmpp-3m", "dpmpp-2m", "ddim")  # as the table in README.md has them
CALLS = (5, 10, 20)


def main() -> None:
    """Writes the picture, in as many colours as a palette holds."""
    records = [record for record in sigbench.load(FOLDER / "records" / "gmm.jsonl") if record["status"] == "ok"]
    samplers = [r for name in SHOWN for r in records if (r["role"], r["sampler"]) == ("sampler", name)]
    teacher = [record for record in records if record["role"] == "teacher"]
    file = FOLDER / "gmm-w1.png"
    save_chart(quality_chart([*(r for r in samplers if r["nfe"] in CALLS), *teacher], "w1"), file)
    with Image.open(file) as picture:
        smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    smaller.save(file, optimize=True)


if __name__ == "__main__":
    main()

"""`sigbench spectrum`: table, JSON, chart and refusals."""

from pathlib import Path

import pytest
from commandline import Command

SMALL = ("spectrum", "--task", "rbergomi", "--samples", "64", "--repeats", "2", "--steps", "2")


def test_table_json_and_chart(sigbench: Command, tmp_path: Path) -> None:
    done = sigbench(*SMALL, "--sampler", "sigdeg,ddim", "--plot", "chart.svg")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    for words in ("rbergomi · increments of log V", "floor (exact draws)", "ddim", "22.3–31.5", "ddim, 2 steps: "):
        assert words in done.out
    drawn = (tmp_path / "chart.svg").read_text()
    assert "rbergomi: spectrum of increments of log V" in drawn
    lines = sigbench(*SMALL, "--json").records()
    assert [(one["kind"], one["sampler"], one["status"]) for one in lines] == [("spectrum", "sigdeg", "ok")]
    assert len(lines[0]["frequencies"]) == len(lines[0]["ratio"]) == 31
    assert [band["name"] for band in lines[0]["bands"]] == ["low", "middle", "high"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("spectrum", "--task", "gmm"), "samples of the task 'gmm' have no spectrum"),
        (("spectrum", "--task", "mnst"), "unknown task 'mnst': did you mean 'mnist'"),
        ((*SMALL, "--samples", "1"), "--samples must be between 2 and 10000000, got 1"),
        ((*SMALL, "--repeats", "1"), "--repeats must be at least 2"),
        ((*SMALL, "--sampler", "nothing"), "unknown sampler 'nothing'"),
        ((*SMALL, "--plot", "chart.gif"), "saved as .png or .svg"),
        ((*SMALL, "--label", "3"), "have no classes"),
    ],
)
def test_bad_input(sigbench: Command, arguments: tuple[str, ...], words: str) -> None:
    done = sigbench(*arguments)
    assert done.code == 2
    assert words in done.sentence()


def test_a_sampler_that_diverges(sigbench: Command) -> None:
    plugins = Path(__file__).parent / "user_plugins.py"
    done = sigbench(*SMALL, "--sampler", f"{plugins}:NaN")
    assert done.code == 4
    assert "diverged" in done.err

"""`sigbench gap`: tables, JSON, chart and exit codes."""

from pathlib import Path

import pytest
from commandline import Command

SMALL = ("gap", "--task", "gmm", "--samples", "160", "--steps", "3")


def test_a_table_of_the_path_one_of_the_laws_and_a_verdict(sigbench: Command) -> None:
    done = sigbench(*SMALL, "--sampler", "sigdeg,ddim")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    for words in (
        "gmm · sigdeg · 3 steps",
        "gmm · ddim · 3 steps",
        "teacher: euler-maruyama, 300 steps",
        "share of the end",
        "above it",
        "of the squared error at the end",
        "It draws no noise",
        "160 paths",
    ):
        assert words in done.out.replace("\n", " "), words
    assert done.err == ""


def test_json_is_a_line_a_sampler(sigbench: Command) -> None:
    done = sigbench(*SMALL, "--sampler", "sigdeg,heun", "--json")
    records = done.records()
    assert [(r["sampler"], r["family"], r["status"]) for r in records] == [
        ("sigdeg", "student", "ok"),
        ("heun", "ode", "ok"),
    ]
    for record in records:
        assert record["kind"] == "gap"
        assert [time["step"] for time in record["times"]] == [1, 2, 3]
        whole = record["times"][-1]
        assert whole["local"]["value"] + whole["accumulated"]["value"] == pytest.approx(whole["mean_square"]["value"])
        assert set(record["verdict"]) == {"steps", "part", "growth", "sentence"}
        assert record["provenance"]["device"] == "cpu"


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_chart(sigbench: Command, tmp_path: Path, ending: str) -> None:
    done = sigbench(*SMALL, "--plot", f"chart.{ending}")
    assert done.code == 0
    assert f"the chart is in chart.{ending}" in done.err
    drawn = (tmp_path / f"chart.{ending}").read_bytes()
    assert len(drawn) > 5_000
    if ending == "svg":
        for words in ("gmm: the gap to the teacher", "sigdeg, 3 steps", "one step from the teacher's state"):
            assert words in drawn.decode()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gap", "--task", "ou"), "the task 'ou' has no teacher: there is no gap to it"),
        (("gap", "--task", "gmn"), "unknown task 'gmn': did you mean 'gmm'"),
        (("gap",), "Missing option '--task'"),
        ((*SMALL, "--sampler", "sgdeg"), "unknown sampler 'sgdeg'"),
        ((*SMALL, "--plot", "chart.gif"), "saved as .png or .svg"),
        ((*SMALL, "--steps", "five"), "--steps takes whole numbers"),
        ((*SMALL, "--label", "3"), "have no classes"),
        ((*SMALL, "--dtype", "float46"), "unknown dtype"),
        ((*SMALL, "--sampler", "sigdeg:artifact=nowhere"), "there is no artifact in nowhere"),
    ],
)
def test_bad_input(sigbench: Command, arguments: tuple[str, ...], words: str) -> None:
    done = sigbench(*arguments)
    assert done.code == 2
    assert words in done.sentence()


def test_exit_codes_of_failures(sigbench: Command) -> None:
    plugins = Path(__file__).parent / "user_plugins.py"
    mixed = sigbench(*SMALL, "--sampler", f"sigdeg,{plugins}:NaN")
    assert mixed.code == 1
    assert "diverged: samples are not finite after step 1." in mixed.err
    assert "gmm · sigdeg · 3 steps" in mixed.out
    lost = sigbench(*SMALL, "--sampler", f"{plugins}:NaN", "--plot", "chart.png")
    assert lost.code == 4
    assert not Path("chart.png").exists()


def test_interrupted_before_anything_was_found(sigbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sigbench.studies.gap.study.measure_gaps", stop)
    done = sigbench(*SMALL)
    assert done.code == 4
    assert "interrupted: 0 samplers are finished" in done.err

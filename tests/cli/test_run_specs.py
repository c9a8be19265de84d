"""Samplers with grids and ends of their own in one comparison: how they are asked for, shown and told apart."""

from pathlib import Path

import pytest
from commandline import SMALL, Command

SCORE = ("run", "--task", "gmm", *SMALL)


def test_a_sampler_has_its_own_grid_and_steps(sigbench: Command) -> None:
    samplers = "dpmpp-2m,dpmpp-2m@5:grid='karras:rho=5',ddim:grid='1,0.4,0.001'"
    done = sigbench(*SCORE, "--sampler", samplers, "--steps", "3", "--grid", "log-snr", "--json")
    assert done.code == 0
    assert [(r["sampler"], r["spec"], r["grid"], r["steps"]) for r in done.records()] == [
        ("dpmpp-2m", "dpmpp-2m", "log-snr", 3),
        ("dpmpp-2m", "dpmpp-2m", "karras:rho=5", 5),
        ("ddim", "ddim", "1,0.4,0.001", 2),
    ]


def test_one_record_however_the_grid_was_asked_for(sigbench: Command) -> None:
    keys = set()
    for arguments in (
        ("--sampler", "ddim:grid=log-snr"),
        ("--sampler", "ddim", "--grid", "log-snr"),
        ("--sampler", "ddim", "--grid", "exponential"),
        ("--sampler", "ddim@3:grid='exponential'", "--grid", "karras"),
    ):
        (record,) = sigbench(*SCORE, *arguments, "--steps", "3", "--json").records()
        keys.add(record["key"])
    assert len(keys) == 1


def test_one_grid_under_two_names_is_one_cell(sigbench: Command) -> None:
    samplers = "ddim:grid=power,ddim,ddim:grid='power:rho=2.0',ddim@3"
    (record,) = sigbench(*SCORE, "--sampler", samplers, "--steps", "3", "--json").records()
    assert record["steps"] == 3


def test_fresh_noise_is_that_of_the_times_and_not_of_their_name(sigbench: Command) -> None:
    """What has one key has one noise: what was measured is the same, and --resume may take it."""
    command = (*SCORE, "--sampler", "ddim", "--steps", "3", "--noise", "fresh", "--json")
    power, quadratic, other = (sigbench(*command, "--grid", g).records()[0] for g in ("power", "quadratic", "karras"))
    assert power["key"] == quadratic["key"] != other["key"]
    assert power["metrics"] == quadratic["metrics"]


@pytest.mark.parametrize(
    "samplers",
    [
        "teacher,teacher:grid=uniform",
        "teacher,euler-maruyama@300",
        "ddim:grid='./g.py:g:k=a/b',ddim:grid='./g.py:g:k=a_b'",
        "ddim@40,ddim:grid='" + ",".join(f"{1 - 0.999 * k / 40:.6f}" for k in range(41)) + "'",
    ],
)
def test_no_samples_overwrite_others(sigbench: Command, tmp_path: Path, samplers: str) -> None:
    (tmp_path / "g.py").write_text(
        "import numpy as np\n\n\n"
        "def g(steps, schedule, *, k: str = ''):\n"
        "    u = np.linspace(0.0, 1.0, steps + 1) ** (1 if '/' in k else 2)\n"
        "    return schedule.t_start + u * (schedule.t_end - schedule.t_start)\n"
    )
    done = sigbench(*SCORE, "--sampler", samplers, "--steps", "3", "--save-samples", "kept", "--json")
    assert done.code == 0, done.err
    assert len(done.records()) == 2
    assert len(list((tmp_path / "kept").glob("gmm-*.npy"))) == 2


@pytest.mark.parametrize("spec", ["teacher@5", "teacher:eta=1"])
def test_a_teacher_has_its_own_steps_and_options(sigbench: Command, spec: str) -> None:
    done = sigbench(*SCORE, "--sampler", spec)
    assert done.code == 2
    assert "the teacher has its own steps and options" in done.err


def test_two_grids_of_one_sampler_are_told_apart(sigbench: Command, tmp_path: Path) -> None:
    samplers = "dpmpp-2m,dpmpp-2m:grid='karras:rho=5',ddim:grid=uniform"
    done = sigbench(*SCORE, "--sampler", samplers, "--steps", "3", "--save-samples", "kept", "--plot", "chart.svg")
    assert done.code == 0
    assert "grid quadratic; ddim on uniform" in done.out
    shown = " ".join(done.out.split())
    assert "dpmpp-2m:grid=quadratic" in shown
    (sentence,) = [line for line in shown.partition("w1 at 3 calls: ")[2:] if line]
    for name in ("dpmpp-2m:grid=quadratic", "dpmpp-2m:grid='karras:rho=5'", "ddim"):
        assert name in sentence
    assert "ddim:grid" not in shown
    drawn = (tmp_path / "chart.svg").read_text()
    assert "dpmpp-2m:grid=quadratic" in drawn
    assert len(list((tmp_path / "kept").glob("*.npy"))) == 3


def test_a_student_walks_its_grid_beside_others_on_theirs(sigbench: Command) -> None:
    command = (*SCORE, "--sampler", "sigdeg,dpmpp-2m:grid=log-snr,ddim", "--steps", "5", "--grid", "karras")
    done = sigbench(*command, "--json")
    assert done.code == 0
    assert [(r["sampler"], r["grid"]) for r in done.records()] == [
        ("sigdeg", "quadratic"),
        ("dpmpp-2m", "log-snr"),
        ("ddim", "karras"),
    ]
    shown = sigbench(*command)
    assert "grid log-snr; sigdeg on quadratic; ddim on karras" in " ".join(shown.out.split())


def test_the_denoised_sample_is_a_call_more(sigbench: Command) -> None:
    done = sigbench(*SCORE, "--sampler", "ddim,sigdeg,heun:final=none", "--steps", "5", "--final", "denoise", "--json")
    assert done.code == 0
    assert [(r["spec"], r["nfe"]) for r in done.records()] == [
        ("ddim:final=denoise", 6),
        ("sigdeg:final=denoise", 6),
        ("heun", 10),
    ]
    ends = [record["final_step"] for record in done.records()]
    assert all(end.startswith("denoise: samples are the posterior mean at the last time") for end in ends[:2])
    assert ends[2].startswith("none")


def test_a_file_of_samplers(sigbench: Command, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("# ours\n\nddim  # a remark\ndpmpp-2m@4:grid='karras:rho=5'\n")
    done = sigbench(*SCORE, "--sampler", "heun", "--sampler-file", "list.txt", "--steps", "3", "--json")
    assert [(r["sampler"], r["steps"]) for r in done.records()] == [("heun", 3), ("ddim", 3), ("dpmpp-2m", 4)]
    assert len(sigbench(*SCORE, "--sampler-file", "list.txt", "--steps", "3", "--json").records()) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# nothing\n", "the list of samplers list.txt holds none"),
        ("ddim\nheun:x=1:x=2\n", "list.txt, line 2: 'heun:x=1:x=2' gives x twice"),
        ("ddim,heun\n", "list.txt, line 1: 'ddim,heun' is more than one spec"),
        ("ddim:grid='karras\n", "list.txt, line 1: the quote ' in"),
        ("ddin\n", "unknown sampler 'ddin': did you mean 'ddim'"),
    ],
)
def test_what_is_wrong_in_a_file_of_samplers(sigbench: Command, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    done = sigbench(*SCORE, "--sampler-file", "list.txt", "--steps", "3")
    assert done.code == 2
    assert words in done.sentence()


def test_a_grid_of_a_file(sigbench: Command, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        'import numpy as np\n\ndef even(steps, schedule, *, bend: float = 1.0):\n    "A test."\n'
        "    u = np.linspace(0, 1, steps + 1) ** bend\n"
        "    return schedule.t_start + u * (schedule.t_end - schedule.t_start)\n"
    )
    done = sigbench(
        *SCORE, "--sampler", "ddim,heun:grid='own.py:even:bend=2'", "--steps", "3", "--grid", "own.py:even", "--json"
    )
    assert [r["grid"] for r in done.records()] == ["own.py:even", "own.py:even:bend=2"]
    assert done.records()[0]["times"] == pytest.approx([0.0, 0.333, 0.666, 0.999])


def test_list_says_a_sentence_of_every_grid(sigbench: Command) -> None:
    rows = {row["name"]: row for row in sigbench("list", "grids", "--json").records()}
    assert {"uniform", "quadratic", "karras", "log-snr", "beta", "linear-quadratic", "power", "ays"} <= set(rows)
    assert all(row["kind"] == "grid" and row["spacing"].endswith(".") for row in rows.values())
    assert rows["log-snr"]["aliases"] == ["exponential"]
    assert rows["karras"]["takes"] == "rho"

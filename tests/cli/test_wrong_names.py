"""Wrong names and completion: answered before torch is loaded, from what packages declare."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sigbench.abilities import metrics_of
from sigbench.cli import names
from sigbench.errors import BadInput
from sigbench.registry import declared_metrics, make_task, sampler_aliases, sampler_names, task_names
from sigbench.studies.grids import plan

RUN = ("run", "--task", "gmm", "--sampler", "ddim")
WRONG = {
    ("run", "--task", "gmn", "--sampler", "ddim"): "unknown task 'gmn': did you mean 'gmm'",
    ("run", "--task", "gmm", "--sampler", "ddim,shrak"): "unknown sampler 'shrak': did you mean 'shark'",
    ("run", "--task", "gmm", "--sampler", "ddim:grid=karas"): "unknown grid 'karas': did you mean 'karras'",
    (*RUN, "--grid", "karas"): "unknown grid 'karas': did you mean 'karras'",
    (*RUN, "--metrics", "w3"): "unknown metric of the task 'gmm' 'w3': did you mean 'w2' or 'w1'",
    (*RUN, "--add-metric", "fidd"): "unknown metric 'fidd': did you mean 'fid'",
    (*RUN, "--batch", "x"): "--batch takes a whole number, got 'x'",
    (*RUN, "--batch", "1_0"): "--batch takes a whole number in the digits 0 to 9, got '1_0'",
    (*RUN, "--seed=1_0"): "--seed takes a whole number in the digits 0 to 9, got '1_0'",
    (*RUN, "--nfe", "1_0"): "--nfe takes a whole number in the digits 0 to 9, got '1_0'",
    (*RUN, "--guidance", "1_0.5"): "--guidance takes a number in the digits 0 to 9, got '1_0.5'",
    (*RUN, "--guidance", "٣"): "--guidance takes a number",
    ("train", "--task", "gmm", "--iterations", "1_0"): "--iterations takes a whole number in the digits 0 to 9",
    (*RUN, "--samplr", "x"): "No such option: --samplr",
    ("gap", "--task", "gmn"): "unknown task 'gmn'",
    ("gap", "--task", "gmm", "--sampler", "sigdegg"): "unknown sampler 'sigdegg': did you mean 'sigdeg'",
    ("spectrum", "--task", "rbergom"): "unknown task 'rbergom': did you mean 'rbergomi'",
    ("convergence", "--task", "gmm", "--sampler", "sra2"): "unknown sampler 'sra2': did you mean 'sra1'",
    ("convergence", "--task", "gmm", "--grid", "unifrm"): "unknown grid 'unifrm': did you mean 'uniform'",
    ("grid", "--task", "gmm", "--sampler", "ddin", "--steps", "5", "--out", "x.json"): "did you mean 'ddim'",
    ("grid", "--task", "gmm", "--sampler", "ddim", "--steps", "5", "--out", "x.json", "--by", "w3"): "'w3'",
    ("floors", "--task", "gmn"): "unknown task 'gmn'",
    ("floors", "--task", "gmm", "--metrics", "w3"): "unknown metric of the task 'gmm' 'w3'",
    ("train", "--task", "gmn"): "unknown task 'gmn'",
    ("train", "--task", "gmm", "--grid", "karas"): "unknown grid 'karas'",
    ("check", "--task", "nope"): "unknown task 'nope'",
    ("check", "--sampler", "nope"): "unknown sampler 'nope'",
    ("leaderboard", "show", "--task", "gmn"): "unknown task among the records 'gmn': did you mean 'gmm'",
    ("leaderboard", "show", "--task", "gmm", "--metric", "w3"): "unknown metric of gmm 'w3'",
    ("leaderboard", "show", "--task", "gmm", "--grid", "nope"): "unknown grid among the records 'nope'",
    ("leaderboard", "shw"): "No such command 'shw'. Did you mean 'show'?",
    ("list", "sampler"): "unknown kind of names 'sampler': did you mean 'samplers'",
    ("runn",): "No such command 'runn'. Did you mean 'run'?",
}
PROGRAM = """
import contextlib, io, json, sys
from sigbench.cli.app import main
for line in json.loads(sys.argv[1]):
    said = io.StringIO()
    sys.argv = ["sigbench", *line]
    try:
        with contextlib.redirect_stderr(said):
            main()
    except SystemExit as end:
        print(json.dumps([end.code, "torch" in sys.modules, "numpy" in sys.modules, said.getvalue()]))
"""


def test_a_wrong_name_is_answered_before_torch_is_loaded(tmp_path: Path) -> None:
    """By what is imported, not by time: all of them in one process that has loaded neither torch nor numpy."""
    command = [sys.executable, "-c", PROGRAM, json.dumps([list(arguments) for arguments in WRONG])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(WRONG), done.stderr
    for (arguments, words), (code, torch, numpy, said) in zip(WRONG.items(), answers, strict=True):
        assert (code, torch, numpy) == (2, False, False), arguments
        assert words in said, arguments
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("sigbench run --task g", {"gbm", "gmm", "gmm2d"}),
        ("sigbench run --sampler sigdeg,eul", {"sigdeg,euler-maruyama"}),
        ("sigbench run --sampler tea", {"teacher"}),
        ("sigbench run --sampler diff", {"diffusers:"}),
        ("sigbench gap --grid kar", {"karras"}),
        ("sigbench run --task rbergomi --metrics sm", {"smile"}),
        ("sigbench run --add-metric fi", {"fid"}),
        ("sigbench list ta", {"tasks"}),
        ("sigbench leaderboard sh", {"show"}),
        ("sigbench run --sa", {"--sampler", "--sampler-file", "--samples", "--save-samples"}),
    ],
)
def test_the_shell_completes(words: str, found: set[str]) -> None:
    """As bash asks, in a process that must not load torch."""
    typed = words.split()
    program = (
        "import sys\nfrom sigbench.cli.app import main\ntry:\n    main()\n"
        "finally:\n    print('torch' in sys.modules, file=sys.stderr)"
    )
    asked = {"_SIGBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(typed) - 1)}
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True)
    assert set(done.stdout.split()) == found, done.stderr
    assert done.stderr.split() == ["False"]


@pytest.mark.parametrize("task", task_names())
def test_the_declared_metrics_are_those_of_the_task(task: str) -> None:
    assert declared_metrics(task) == tuple(metric.name for metric in metrics_of(make_task(task)))


def test_the_way_to_choose_is_called_as_where_it_is_loaded() -> None:
    assert names.TRAJECTORIES == plan.TRAJECTORIES


@pytest.mark.parametrize(
    "spec",
    [
        "teacher",
        "ddim@5:eta=0.5",
        "mine.py:Mine",
        "diffusers:Anything",
        "ddim:grid='karras:rho=5'",
        "ddim:grid='1,0.5,0.001'",
        "ddim:grid=mine.json",
        "ddim:grid='grids.py:mine'",
        "ddim:grid=exponential",
        *sampler_names(),
        *sampler_aliases(),
    ],
)
def test_what_may_be_right_passes(spec: str) -> None:
    """The names that there are, and what only loading it can tell."""
    names.check_names("gmm", [spec], grid="log-snr", metrics=["w1", "fid"], added=["fid"])
    names.check_names("mine.py:Task", [spec], metrics=["anything"], added=["mine.py:Metric"])


def test_an_added_metric_of_a_file_may_have_any_name() -> None:
    names.check_names("gmm", metrics=["spread"], added=["mine.py:Spread"])
    with pytest.raises(BadInput, match="unknown metric of the task 'gmm' 'spread'"):
        names.check_names("gmm", metrics=["spread"], added=["fid"])

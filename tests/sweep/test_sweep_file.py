"""Sweep files: each mistake is told with its line and key, and the nearest word goes first."""

from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.measure.settings import Settings
from sigbench.sweep.file import SweepFile, read_sweep

GOOD = 'tasks = ["gmm"]\nsamplers = ["ddim"]\n'


def read(folder: Path, text: str) -> SweepFile:
    file = folder / "sweep.toml"
    file.write_text(text, encoding="utf-8")
    return read_sweep(file)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(BadInput) as refused:
        read(folder, text)
    return str(refused.value).replace(str(folder / "sweep.toml"), "FILE")


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('tasks = ["gmm",\n "gmn"]\nsamplers = ["ddim"]\n', "line 2, tasks[1]", "'gmn': did you mean 'gmm'"),
        ('tasks = "gmm"\nsamplers = ["ddim"]\n', "line 1, tasks", "is a list, [ … ], not a text ('gmm')"),
        ('samplers = ["ddim"]\n', "line 1, the file", "name at least one task"),
        ('tasks = ["gmm"]\n', "line 1, the file", "name at least one sampler"),
        ('tasks = ["gmm"]\nsamplers = ["dim"]\n', "line 2, samplers[0]", "unknown sampler 'dim': did you mean 'ddim'"),
        ('tasks = ["gmm"]\nsamplers = ["ddim@0"]\n', "line 2, samplers[0]", "between 1 and 100000, got 0"),
        ('tasks = ["gmm"]\nsamplers = ["ddim@x"]\n', "line 2, samplers[0]", "'x' in 'ddim@x' is not a number of steps"),
        ('tasks = ["gmm"]\nsamplers = ["ddim:eta=2"]\n', "line 2, samplers[0]", "eta lies between 0 and 1, got 2"),
        (GOOD.replace("ddim", "ddim:eta=0:eta=1"), "line 2, samplers[0]", "gives eta twice"),
        (GOOD.replace("ddim", "ddim:grid=karas"), "line 2, samplers[0]", "unknown grid 'karas': did you mean 'karras'"),
        (GOOD.replace("ddim", "ddim:final=x"), "line 2, samplers[0]", "unknown final step 'x'"),
        (GOOD.replace("ddim", "ddim:grid='karras"), "line 2, samplers[0]", "the quote ' in"),
        (GOOD + 'final = "denoised"\n', "line 3, final", "unknown final step 'denoised': did you mean 'denoise'"),
        (GOOD + 'grids = ["karras:roh=5"]\n', "line 3, grids[0]", "unknown option of karras 'roh': did you mean 'rho'"),
        (GOOD + "step = [5]\n", "line 3, step", "unknown key 'step': did you mean 'steps'"),
        (GOOD + "steps = []\n", "line 3, steps", "is an empty list"),
        (GOOD + "steps = 5\n", "line 3, steps", "is a list, [ … ], not a whole number (5)"),
        (GOOD + "steps = [\n 5,\n 2.5]\n", "line 5, steps[1]", "is a whole number, not a number with a point (2.5)"),
        (GOOD + "steps = [true]\n", "line 3, steps[0]", "is a whole number, not true or false (True)"),
        (GOOD + "steps = [200000]\n", "line 3, steps[0]", "steps must lie between 1 and 100000, got 200000"),
        (GOOD + 'grids = ["quadratik"]\n', "line 3, grids[0]", "unknown grid 'quadratik': did you mean 'quadratic'"),
        (GOOD + 'grids = ["1,x"]\n', "line 3, grids[0]", "'x' in the grid '1,x' is no time"),
        (GOOD + 'grids = ["5"]\n', "line 3, grids[0]", "the grid '5' lists one time"),
        (GOOD + 'seeds = ["a"]\n', "line 3, seeds[0]", "is a whole number, not a text ('a')"),
        (GOOD + "samples = 1\n", "line 3, samples", "must be between 2 and 10000000, got 1"),
        (GOOD + "repeats = 0\n", "line 3, repeats", "must be between 1 and 1000, got 0"),
        (GOOD + "nfe = 0\n", "line 3, nfe", "must be at least 1, got 0"),
        (GOOD + 'device = "gpu"\n', "line 3, device", "unknown device 'gpu'"),
        (GOOD + 'dtype = "float46"\n', "line 3, dtype", "unknown dtype 'float46': did you mean 'float64'"),
        (GOOD + "dtype = 32\n", "line 3, dtype", "is a text in quotes, not a whole number (32)"),
        (GOOD + "guidance = inf\n", "line 3, guidance", "must be a finite number, 0 or above, got inf"),
        (GOOD + "guidance = [0, -1]\n", "line 3, guidance[1]", "must be a finite number, 0 or above, got -1"),
        (GOOD + "guidance = []\n", "line 3, guidance", "is an empty list"),
        (GOOD + 'guidance = "much"\n', "line 3, guidance", "is a number, not a text ('much')"),
        (GOOD + "task = 3\n", "line 3, task", "is a table of tables, [task.NAME], not a whole number (3)"),
        (GOOD + "[task]\ngmm = 3\n", "line 4, task.gmm", "is a table, [task.gmm], not a whole number (3)"),
        (GOOD + "[task.gmn]\n", "line 3, task.gmn", "unknown task in tasks 'gmn': did you mean 'gmm'"),
        (GOOD + '[task.gmm]\ntasks = ["gmm"]\n', "line 4, task.gmm.tasks", "unknown key 'tasks'"),
        (GOOD + "\n[task.gmm]\nsampels = 3\n", "line 5, task.gmm.sampels", "did you mean 'samples' or 'samplers'"),
        (GOOD + "[task.gmm]\nsteps = [0]\n", "line 4, task.gmm.steps[0]", "got 0"),
        (GOOD + "[sampler.heun]\n", "line 3, sampler.heun", "unknown sampler in samplers 'heun': valid are ddim"),
        (GOOD + "[sampler.ddim]\nsamples = 3\n", "line 4, sampler.ddim.samples", "unknown key 'samples'"),
        (GOOD + "[sampler.ddim]\nsteps = []\n", "line 4, sampler.ddim.steps", "is an empty list"),
        (GOOD + '[sampler.ddim]\ntasks = ["ou"]\n', "line 4, sampler.ddim.tasks[0]", "unknown task in tasks 'ou'"),
        (GOOD + "[sampler.ddim]\noptions = 3\n", "line 4, sampler.ddim.options", "is a table of options"),
        (
            GOOD + "[sampler.ddim]\noptions = { etta = 1 }\n",
            "line 4, sampler.ddim.options.etta",
            "unknown option of ddim 'etta': did you mean 'eta'",
        ),
        (
            GOOD + "[sampler.ddim.options]\neta = [0,\n  2]\n",
            "line 5, sampler.ddim.options.eta[1]",
            "eta lies between 0 and 1, got 2",
        ),
        (GOOD + "[sampler.ddim.options]\neta = []\n", "line 4, sampler.ddim.options.eta", "is an empty list"),
        (
            GOOD + "[sampler.ddim.options]\neta = [[1]]\n",
            "line 4, sampler.ddim.options.eta[0]",
            "is a number or a text, not a list ([1])",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(tmp_path: Path, text: str, where: str, words: str) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith(f"FILE, {where}: ")
    assert words in message
    assert "\n" not in message


def test_all_mistakes_are_told_together_in_the_files_order(tmp_path: Path) -> None:
    text = 'samplers = ["dim", "ddim"]\n\ntasks = ["gmm", "gmn"]\nsteps = [0]\n[sampler.ddim]\nstep = 1\n'
    first, *lines = refusal(tmp_path, text).splitlines()
    assert first == "FILE has 4 mistakes:"
    assert [line.partition(": ")[0] for line in lines] == [
        "  line 1, samplers[0]",
        "  line 3, tasks[1]",
        "  line 4, steps[0]",
        "  line 6, sampler.ddim.step",
    ]


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "is not TOML" in (message := refusal(tmp_path, 'tasks = ["gmm"\nsamplers = 1'))
    assert "at line 2" in message
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_sweep(tmp_path / "nowhere.toml")
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        read_sweep(tmp_path)
    (tmp_path / "sweep.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        read_sweep(tmp_path / "sweep.toml")


def test_lines_of_a_file_from_windows(tmp_path: Path) -> None:
    (tmp_path / "sweep.toml").write_bytes(b'tasks = ["gmm"]\r\nsamplers = ["ddim"]\r\nseed = 3\r\n')
    with pytest.raises(BadInput, match="line 3, seed: unknown key"):
        read_sweep(tmp_path / "sweep.toml")


FULL = """
tasks = ["gmm", "ou"]
samplers = ["ddim", "ddim:eta=1@7", "heun", "ddim"]
steps = [5]
seeds = [0, 1]
samples = 100
repeats = 2

[task.ou]
samplers = ["shark"]
samples = 200
steps = [8]
dtype = "float64"

[task.gmm]
grids = ["uniform"]

[sampler.ddim]
steps = [2, 3]
options = { eta = [0.0, 0.5] }

[sampler.heun]
tasks = ["ou"]
"""


def test_what_is_said_of_a_sampler_goes_first_then_of_a_task_then_of_all(tmp_path: Path) -> None:
    file = read(tmp_path, FULL)
    gmm, ou = dict(file.samplers("gmm")), dict(file.samplers("ou"))
    assert list(gmm) == ["ddim:eta=0.0", "ddim:eta=0.5", "ddim:eta=1@7"]
    assert list(ou) == ["shark"]
    assert file.axis("steps", "gmm", gmm["ddim:eta=0.5"]) == [2, 3]
    assert file.axis("steps", "ou", ou["shark"]) == [8]
    assert file.axis("steps", "gmm", {}) == [5]
    assert (file.axis("grids", "gmm", {}), file.axis("grids", "ou", {})) == (["uniform"], None)
    assert file.axis("seeds", "gmm", {}) == [0, 1]
    assert file.settings("gmm", seed=1, grid="uniform") == Settings(
        "gmm", samples=100, repeats=2, seed=1, grid="uniform"
    )
    assert file.settings("ou", seed=0) == Settings("ou", samples=200, repeats=2, dtype="float64")


def test_all_combinations_of_options(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from sigbench.sampler import Sampler\n"
        "class Mine(Sampler):\n"
        "    name, citation, family = 'mine', 'a test', 'sde'\n"
        "    def __init__(self, a: int = 0, b: str = 'x'):\n        pass\n"
        "    def walk(self, problem, x, grid, brownian):\n        yield x\n"
    )
    name = f"{plugin}:Mine"
    text = f'tasks = ["gmm"]\nsamplers = ["{name}@3"]\n[sampler."{name}".options]\na = [1, 2]\nb = ["x", "y"]\n'
    specs = [spec.removeprefix(name) for spec, _ in read(tmp_path, text).samplers("gmm")]
    assert specs == ["@3:a=1:b=x", "@3:a=1:b=y", "@3:a=2:b=x", "@3:a=2:b=y"]
    assert "a takes int, got 'z'" in refusal(tmp_path, text.replace("[1, 2]", '["z"]'))


@pytest.mark.parametrize("text", ["steps = [" + "1" * 5000 + "]", "steps = " + "[" * 5000])
def test_too_many_digits_and_too_deep(tmp_path: Path, text: str) -> None:
    assert "is not TOML: " in refusal(tmp_path, GOOD + text)


def test_seeds_are_what_a_record_can_hold(tmp_path: Path) -> None:
    assert "line 3, seeds[1]: must be between " in refusal(tmp_path, GOOD + f"seeds = [1, {2**64}]\n")

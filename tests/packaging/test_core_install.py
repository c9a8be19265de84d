"""Without an extra: what the README promises works, and what draws says which one is missing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from commandline_in import in_folder

from sigbench.errors import EXTRAS

ROOT = Path(__file__).parents[2]
EXTRAS_DECLARED: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
PACKAGES = ("altair", "vl_convert", "pandas", "polars", "IPython", "diffusers")
MISSING = f"import sys\nfor name in {PACKAGES}: sys.modules[name] = None\n"
COMMAND = f"{MISSING}from sigbench.cli.app import main\nmain()"
SMALL = ["--samples", "64", "--repeats", "2", "--device", "cpu"]


def run_without(folder: Path, *arguments: str, program: str = COMMAND) -> subprocess.CompletedProcess[str]:
    """Runs the command line, or another program, as if none of the extras' packages were installed."""
    return subprocess.run([sys.executable, "-c", program, *arguments], cwd=folder, capture_output=True, text=True)


def test_extras_bring_what_is_said_to_be_missing() -> None:
    for extra, packages in EXTRAS.items():
        named = [need.partition(">")[0].replace("-python", "").replace("-", "_") for need in EXTRAS_DECLARED[extra]]
        assert named == list(packages)
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert not [need for need in core if need.startswith(("altair", "vl-convert", "diffusers", "pandas", "polars"))]
    assert "sigbench[plots]" in EXTRAS_DECLARED["test"]


def test_the_first_command_of_the_readme_needs_no_extra(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    _, _, command = next(line for line in readme.splitlines() if line.startswith("pip install")).partition(
        "&& sigbench "
    )
    done = run_without(tmp_path, *command.split(), *SMALL)
    assert done.returncode == 0, done.stderr
    assert "sigdeg" in done.stdout


def test_a_program_measures_without_an_extra(tmp_path: Path) -> None:
    program = (
        f"{MISSING}import sigbench\n"
        "records = sigbench.run('gmm', 'ddim,dpmpp-2m', 5, samples=64, repeats=2)\n"
        "print(len(records.rows()), len(sigbench.compare(records)))\n"
        "for name in ('plot', 'to_pandas', 'to_polars'):\n"
        "    try: getattr(records, name)()\n"
        "    except sigbench.BadInput as error: print(error)\n"
    )
    done = run_without(tmp_path, program=program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "a chart needs altair, which is not installed here: pip install 'sigbench[plots]' brings it.",
        "to_pandas needs pandas, which is not installed here: pip install pandas.",
        "to_polars needs polars, which is not installed here: pip install polars.",
    ]


DRAWING = [
    ["run", "--task", "gmm", "--sampler", "ddim", *SMALL, "--plot", "w1.png"],
    ["run", "--task", "gmm", "--sampler", "ddim", *SMALL, "--save-samples", "samples"],
    ["convergence", "--task", "gbm", "--sampler", "milstein", "--plot", "orders.png"],
    ["check", "--baseline", str(ROOT / "leaderboard" / "baseline.json"), "--plot", "check.png"],
    ["gap", "--task", "gmm", "--plot", "gap.png"],
    ["spectrum", "--task", "rbergomi", "--plot", "spectrum.png"],
    ["leaderboard", "build", "--store", str(ROOT / "leaderboard" / "records" / "gmm.jsonl"), "--out", "page.html"],
]


@pytest.mark.parametrize("command", DRAWING, ids=lambda command: " ".join([command[0], *command[-2:-1]]))
def test_what_draws_says_which_extra_is_missing_before_any_work(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    code, out, err = in_folder(tmp_path, monkeypatch, capsys)(*command)
    assert (code, out) == (2, "")
    (sentence,) = err.splitlines()
    assert sentence.endswith("needs altair, which is not installed here: pip install 'sigbench[plots]' brings it.")
    assert list(tmp_path.iterdir()) == []

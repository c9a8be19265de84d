"""Every command and every program of the README and of the pages under docs/ runs as it is written."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer

from sigbench.cli.app import app
from sigbench.measure.batch import walk_batch
from sigbench.measure.cell import plan_cells
from sigbench.measure.settings import Settings
from sigbench.registry import make_sampler, make_task
from sigbench.sde.brownian import NoNoise

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
README = (ROOT / "README.md").read_text()
PAGES = {file: file.read_text() for file in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))}
PAGES = {ROOT / "README.md": README, **PAGES}  # its blocks come first
BLOCKS = [block for page in PAGES.values() for block in re.findall(r"^```bash\n(.*?)^```$", page, flags=re.M | re.S)]
PROGRAMS = [
    program
    for page in PAGES.values()
    for program in re.findall(r"^```python\n(# (\S+\.py)\n.*?)^```$", page, flags=re.M | re.S)
]
FILES = [
    file
    for page in PAGES.values()
    for file in re.findall(r"^```toml\n(# (\S+\.toml)\n.*?)^```$", page, flags=re.M | re.S)
]
INSTALL = re.compile(r"pip install -c constraints\.txt \S+( '\S+')?( && )?")


def without_install(block: str) -> str:
    """The block's commands for an environment in which sigbench is installed and whose tests are running."""
    commands = [INSTALL.sub("", line) for line in block.splitlines()]
    return "\n".join(line for line in commands if line and not line.startswith(("pytest", "-e")))


FIRST = without_install(BLOCKS[0])  # .ci/run pastes it
RUNNABLE = [c for c in dict.fromkeys(map(without_install, BLOCKS)) if c and c != FIRST]
# The command whose cells are on the page of gmm: measured once, for the table and for what is said of the student.
(HEADLINE,) = [s for s in RUNNABLE if "--plot w1.png" in s]
QUICK = "leaderboard show|mymetric"  # the commands of the others have tests of their own, with fewer samples
# What takes minutes: half an hour together. `nox -s documents` runs them; CI sees that they are accepted.
LONG = (
    "convergence --task|train --task|run --task mnist|run --task rbergomi|sigbench (check|gap|spectrum)|"
    "heun --steps 5 --samples 10000|--forecast|digits.toml"
)


def commands_of(script: str) -> list[str]:
    """The calls of sigbench in a script, lines that go on joined."""
    lines = script.replace("\\\n", " ").splitlines()
    return [line.partition("|")[0].strip() for line in lines if line.startswith("sigbench ")]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    for text, name in (*PROGRAMS, *FILES):
        (folder / name).write_text(text)
    (folder / "leaderboard").symlink_to(ROOT / "leaderboard")
    return folder


def run_bash(script: str, folder: Path, scripts: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_the_readme_holds_what_is_tested() -> None:
    """Its first block is what .ci/run pastes into a fresh environment."""
    assert BLOCKS[0].startswith("pip install -c constraints.txt . && sigbench run ")
    assert len(RUNNABLE) >= 4
    names = {name for _, name in PROGRAMS}
    of_files = {"mine.py", "resumed.py", "mytask.py", "mymetric.py", "ancestral.py", "theirs.py", "make_model.py"}
    assert names == of_files | {"to_wandb.py", "to_mlflow.py"}
    assert sum(block.startswith("pip install") for block in BLOCKS) >= 2


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            s,
            marks=[pytest.mark.long] if re.search(LONG, s, re.M) else [] if re.search(QUICK, s) else [pytest.mark.slow],
        )
        for s in RUNNABLE
        if s != HEADLINE
    ],
    ids=lambda s: s.splitlines()[0][:60],
)
def test_commands_run_as_written(script: str, workshop: Path) -> None:
    done = run_bash(script, workshop, Path(sys.executable).parent)
    if done.returncode == 2 and "of an older schema" in done.stderr:
        pytest.skip("what is committed in leaderboard/ is of the first schema, and to be measured again")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr


def committed_intervals() -> dict[tuple[str, str, int], tuple[float, float]]:
    """Returns the intervals of W1 in the records that the headline command's page is written from."""
    records = map(json.loads, (ROOT / "leaderboard" / "records" / "gmm.jsonl").read_text().splitlines())
    return {
        (r["role"], r["spec"], r["steps"]): (r["metrics"]["w1"]["low"], r["metrics"]["w1"]["high"])
        for r in records
        if r["status"] == "ok" and r["grid"] == "quadratic"
    }


@pytest.mark.parametrize(
    "name", sorted({n for page in PAGES.values() for n in re.findall(r"`sigbench ([a-z]\S*?)[` ]", page)})
)
def test_commands_that_are_only_named_exist(name: str) -> None:
    assert name in typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", [line for s in RUNNABLE for line in commands_of(s)])
def test_commands_are_accepted(command: str, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by the command line, options and their kinds, and nothing of it run."""
    monkeypatch.chdir(workshop)
    group = typer.main.get_command(app)
    with group.make_context("sigbench", shlex.split(command)[1:]) as context:
        name, found, arguments = group.resolve_command(context, [*context._protected_args, *context.args])
        while isinstance(found, type(group)):
            with found.make_context(name, arguments, parent=context) as inner:
                name, found, arguments = found.resolve_command(inner, [*inner._protected_args, *inner.args])
        with found.make_context(name, arguments, parent=context):
            pass


@pytest.mark.long
def test_the_headline_command_gives_its_table(workshop: Path) -> None:
    """Every interval overlaps that of its record of the official sweep, and the student holds what is said of it.

    Its interval and the teacher's overlap for one seed in twenty at worst.
    """
    done = run_bash(HEADLINE, workshop, Path(sys.executable).parent)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (workshop / "w1.png").stat().st_size > 0
    records = map(json.loads, (file.read_text() for file in (workshop / ".sigbench" / "records").glob("*.json")))
    w1 = {(r["role"], r["spec"], r["steps"]): r["metrics"]["w1"] for r in records if r["samples"] == 50_000}

    table = {cell: ends for cell, ends in committed_intervals().items() if cell in w1}
    assert len(table) == 4 * 3 + 1
    for cell, (low, high) in table.items():
        assert w1[cell]["low"] <= high and low <= w1[cell]["high"], cell

    student, teacher = w1["sampler", "sigdeg", 5], w1["teacher", "euler-maruyama", 300]
    assert student["high"] <= 0.02
    assert 2 * student["value"] <= w1["sampler", "ipndm:order=3", 5]["value"]
    assert student["low"] <= teacher["high"]
    assert teacher["low"] <= student["high"]


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 150
    for file, page in PAGES.items():
        for target, place in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page):
            other = (file.parent / target).resolve() if target else file
            assert other.exists(), f"{file.name}: {target}"
            assert not place or place in places_of(other.read_text()), f"{file.name}: {target}#{place}"


def places_of(page: str) -> set[str]:
    """Returns what links to the headings of a page end with, as code hosts and the site write it."""
    headings = re.findall(r"^#+ (.+)$", page, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_sampler_is_as_short_as_promised() -> None:
    program = next(text for text, name in PROGRAMS if name == "mine.py")
    assert len(program.strip().splitlines()) <= 20


def test_the_sampler_is_what_it_says(workshop: Path) -> None:
    """DPM-Solver++ 2M, as ours without its last step of order 1."""
    settings = Settings("gmm", samples=50, repeats=1, device="cpu", dtype="float64")
    specs = [f"{workshop / 'mine.py'}:MySampler", "dpmpp-2m:lower_order_final=false"]
    theirs, ours = (walk_batch(cell, 0, 0, 50).samples for cell in plan_cells(settings, specs, [7]))
    torch.testing.assert_close(theirs, ours, rtol=1e-9, atol=1e-9)


def test_the_guide_s_sampler_with_a_history_goes_on_where_known_states_end(workshop: Path) -> None:
    """Behind states of its own walk it makes the walk's next ones, with the history that they are, and not anew."""
    sampler, problem = make_sampler(f"{workshop / 'resumed.py'}:Resumed"), make_task("gmm").problem(CPU, torch.float64)
    grid = problem.grid("log-snr", 6)
    x = problem.initial(torch.linspace(-2.0, 2.0, 40, dtype=torch.float64)[:, None])
    walk = [x, *sampler.walk(problem, x, grid, NoNoise())]
    again = list(sampler.resume(problem, walk[:4], grid, NoNoise()))
    anew = list(sampler.walk(problem, walk[3], grid.with_times(grid.times[3:]), NoNoise()))
    torch.testing.assert_close(torch.stack(again), torch.stack(walk[4:]))
    assert (anew[0] - again[0]).abs().max() > 1e-3

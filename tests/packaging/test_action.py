"""The composite action: its shell steps, run as a workflow runs them, in a project with a sampler and a baseline."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SAMPLER = '''
"""A project's sampler."""
from sigbench.sampler import Sampler


class Mine(Sampler):
    """Euler–Maruyama, with so much noise at its end."""

    name, citation, family = "mine", "this file", "sde"

    def walk(self, problem, x, grid, brownian):
        for index, step in enumerate(grid):
            w = brownian.signature(step).increment
            scale = {scale} if index + 1 == grid.steps else 1.0
            x = x + step.h * problem.drift(step.start, x) + scale * problem.diffusion(step.start, x) * w
            yield x
'''
TASK = '''
"""A project's task, small enough for every push."""
from sigbench_tasks.mixture.task import GMM


class Small(GMM):
    """The mixture, at 1,000 samples."""

    name, default_samples, default_steps = "small", 1000, (5,)
'''
# A checkout of sigbench that has changes, as where its tests run, would be refused.
UPDATE = """
from pathlib import Path
from sigbench.gate import tree
tree.package_folder = Path.cwd
from sigbench.cli.app import main
main()
"""
PYTHON = f"""#!/bin/sh
if [ "$2" = pip ]; then shift 2; printf '%s\\n' "$@" >> "$PIP_LOG"; else exec {sys.executable} "$@"; fi
"""


@dataclass
class Job:
    """What a job of a workflow left behind: how its steps ended, what they printed, its outputs and its summary."""

    codes: dict[str, int]
    log: str
    outputs: str
    summary: str
    installed: list[str]


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def commit(folder: Path, scale: float) -> None:
    (folder / "mine.py").write_text(SAMPLER.format(scale=scale))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "a change")


def python_of_tests(folder: Path) -> str:
    """A PATH on which `python -m pip` is noted, and everything else is this environment's."""
    scripts = folder / "scripts"
    scripts.mkdir(exist_ok=True)
    (scripts / "python").write_text(PYTHON)
    (scripts / "python").chmod(0o755)
    return os.pathsep.join((str(scripts), str(Path(sys.executable).parent), os.environ["PATH"]))


def job(project: Path, place: Path, **inputs: str) -> Job:
    """Runs the action's shell steps in a project, as a workflow does: bash, and outputs by files."""
    files = {name: place / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "PIP_LOG")}
    for file in files.values():
        file.write_text("")
    values = {f"inputs.{name}": str(spec.get("default", "")) for name, spec in ACTION["inputs"].items()}
    values |= {"inputs.against": ""} | {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
    values["github.action_path"] = str(ROOT)
    codes, logs, failed = {}, [], False
    for step in STEPS:
        if "run" not in step or (failed and step.get("if") != "always()"):
            continue
        asked = {
            name: EXPRESSION.sub(lambda found: values[found[1]], text) for name, text in step.get("env", {}).items()
        }
        environment = {**os.environ, **{name: str(file) for name, file in files.items()}, **asked}
        environment["PATH"] = python_of_tests(place)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
        )
        codes[step["name"]] = done.returncode
        failed = failed or done.returncode != 0
        logs.append(done.stdout + done.stderr)
    return Job(
        codes,
        "".join(logs),
        files["GITHUB_OUTPUT"].read_text(),
        files["GITHUB_STEP_SUMMARY"].read_text(),
        files["PIP_LOG"].read_text().splitlines(),
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project under Git with a sampler, a task and a baseline of its own."""
    folder = tmp_path_factory.mktemp("project")
    git(folder, "init", "-q")
    (folder / "small.py").write_text(TASK)
    commit(folder, 1.0)
    asked = ["--baseline", "baseline.json", "--task", "./small.py:Small", "--sampler", "./mine.py:Mine"]
    command = [sys.executable, "-c", UPDATE, "check", "--update", *asked]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commit(folder, 1.0)
    return folder


@pytest.mark.slow
def test_a_made_regression_ends_with_annotations(project: Path, tmp_path: Path) -> None:
    commit(project, 1.8)
    done = job(project, tmp_path)
    assert done.codes == {"Install": 0, "Fetch what the baseline is held against": 0, "Check": 1, "Show what moved": 0}
    errors = [line for line in done.log.splitlines() if line.startswith("::error ")]
    assert any("file=baseline.json" in line and "mine" in line and "at 5 steps%3A regressed" in line for line in errors)
    assert errors[-1].startswith("::error file=baseline.json,title=sigbench check%3A regressed::")
    assert done.outputs == "exit-code=1\n"
    assert done.summary.startswith("## sigbench check: regressed")
    assert {file.name for file in (project / "sigbench-check").iterdir()} == {"check.md", "check.xml", "check.png"}
    assert done.installed == ["install", "-c", f"{ROOT}/constraints.txt", f"{ROOT}[plots]"]


@pytest.mark.slow
def test_unchanged_code_passes(project: Path, tmp_path: Path) -> None:
    commit(project, 1.0)
    done = job(project, tmp_path, requirements="-r requirements.txt 'not run'", against="main")
    assert set(done.codes.values()) == {0}, done.log
    assert done.outputs == "exit-code=0\n"
    assert "::error" not in done.log
    assert "::notice file=baseline.json,title=sigbench check%3A" in done.log
    assert done.installed[4:] == ["install", "-r", "requirements.txt", "'not", "run'"]  # words, of no shell


CODES: list[tuple[int, str, int]] = [(3, "fail", 3), (3, "pass", 0), (1, "pass", 1), (2, "pass", 2)]


@pytest.mark.parametrize(("code", "inconclusive", "ends"), CODES)
def test_an_inconclusive_check_fails_unless_it_may_pass(
    code: int, inconclusive: str, ends: int, tmp_path: Path
) -> None:
    """Of a `sigbench` that only ends so: what the step makes of its exit code."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "sigbench").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "scripts" / "sigbench").chmod(0o755)
    done = job(tmp_path, tmp_path, inconclusive=inconclusive)
    assert done.codes["Check"] == ends
    assert done.outputs == f"exit-code={code}\n"
    assert done.summary == ""


def test_what_it_is_held_against_is_fetched(tmp_path: Path) -> None:
    """Into a clone of depth 1, as a workflow's checkout is."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "init", "-q", str(origin))
    commit(origin, 1.0)
    git(origin, "checkout", "-q", "-b", "change")
    commit(origin, 1.0)
    git(tmp_path, "clone", "-q", "--depth=1", "--branch", "change", origin.as_uri(), str(clone))
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "sigbench").write_text('#!/bin/sh\necho "$@"\ngit rev-parse --verify "$5"\n')
    (tmp_path / "scripts" / "sigbench").chmod(0o755)
    done = job(clone, tmp_path, against="origin/main")
    assert set(done.codes.values()) == {0}, done.log
    assert "check --baseline baseline.json --against origin/main --github" in done.log


def test_inputs_reach_the_shell_by_its_environment_alone() -> None:
    """What somebody writes into a pull request is no code."""
    used: Callable[[str], list[str]] = re.compile(r"\$\{\{").findall
    assert [step["name"] for step in STEPS if "run" in step and used(step["run"])] == []
    assert all(step["shell"] == "bash" for step in STEPS if "run" in step)


def test_the_guide_s_five_lines_use_it() -> None:
    guide = (ROOT / "docs" / "guide" / "gate.md").read_text()
    (block,) = (text for text in re.findall(r"^```yaml\n(.*?)^```$", guide, flags=re.M | re.S) if "sigbench@" in text)
    assert len(block.splitlines()) == 5
    _, step = yaml.safe_load(block)
    assert set(step["with"]) <= set(ACTION["inputs"])

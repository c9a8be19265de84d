"""The workflows and the container's file: what they name is there, and their shell can be read."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {file.stem: yaml.safe_load(file.read_text()) for file in FILES}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", line)]
DOCKER = (ROOT / "Dockerfile").read_text()


def scripts() -> Iterator[tuple[str, str]]:
    for name, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            yield from ((f"{name}: {step.get('name', '')}", step["run"]) for step in job["steps"] if "run" in step)
    for file in ("run", "release"):
        yield f".ci/{file}", (ROOT / ".ci" / file).read_text()
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    yield from ((f"action: {step['name']}", step["run"]) for step in action["runs"]["steps"] if "run" in step)


@pytest.mark.parametrize(("name", "script"), list(scripts()), ids=lambda text: text if ":" in text[:30] else "")
def test_bash_can_read_every_script(name: str, script: str) -> None:
    text = re.sub(r"\$\{\{.*?\}\}", "value", script)
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, f"{name}: {done.stderr}"


def test_every_python_that_is_declared_is_tried() -> None:
    ci, release = WORKFLOWS["ci"]["jobs"], WORKFLOWS["release"]["jobs"]
    tried = {
        (each["system"].partition("-")[0], each["python"]) for each in ci["elsewhere"]["strategy"]["matrix"]["include"]
    }
    tried.add(("ubuntu", "3.11"))  # the job that lints and gates
    assert {python for system, python in tried if system == "ubuntu"} == set(PYTHONS)
    assert {"3.11", PYTHONS[-1]} <= {python for system, python in tried if system == "macos"}
    assert release["try"]["strategy"]["matrix"]["python"] == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    systems = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith("Operating System")}
    assert systems == {"Linux", "MacOS"}


def test_a_release_is_built_once_and_tried_before_it_is_attached() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    assert (jobs["try"]["needs"], jobs["publish"]["needs"]) == ("build", "try")
    assert jobs["publish"]["if"] == "github.ref_type == 'tag'"
    assert jobs["try"]["strategy"]["matrix"]["kind"] == ["whl", "tar.gz"]
    commands = "\n".join(step["run"] for job in jobs.values() for step in job["steps"] if "run" in step)
    assert ".ci/release build dist $TAG" in commands
    assert ".ci/release try dist/*" in commands
    assert [name for name, job in jobs.items() if "write" in str(job.get("permissions"))] == ["publish"]


def test_the_newest_versions_are_tried_at_night() -> None:
    steps = WORKFLOWS["nightly"]["jobs"]["newest"]["steps"]
    install = next(step["run"] for step in steps if step.get("name") == "Install without constraints")
    assert install.splitlines()[0] == "pip install -e '.[test]'"
    assert "constraints" not in install


def test_the_release_finds_the_readme_s_commands() -> None:
    """By the same two searches as its script, whose changes for a wheel are made here by bash itself."""
    script = (ROOT / ".ci" / "release").read_text()
    finding = script[script.index("first=") : script.index("for command in")]
    program = f'set -eu; file=/dist/sigbench.whl\n{finding}\nprintf \'%s\\n%s\\n\' "$first" "$second"'
    done = subprocess.run(["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("pip install -c constraints.txt /dist/sigbench.whl && sigbench run --task gmm ")
    assert second == "pip install -c constraints.txt '/dist/sigbench.whl[test]' && pytest --import-mode=append"


def test_the_container_is_of_files_that_are_there() -> None:
    let_in = [line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    assert {"pyproject.toml", "setup.py", "README.md", "LICENSE", "constraints.txt"} <= set(let_in)
    assert {*tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"].values()} < set(
        let_in
    )
    assert [name for name in let_in if not (ROOT / name).exists()] == []
    assert re.findall(r"^ARG (\w+)=", DOCKER, flags=re.M) == ["BASE", "TORCH_INDEX"]
    python = re.search(r"^ARG BASE=python:(\S+?)-slim", DOCKER, flags=re.M)
    assert python is not None
    assert python[1] in PYTHONS
    assert "-c constraints.txt '.[plots]'" in DOCKER
    for command in re.findall(r"^RUN ((?:.*\\\n)*.*)$", DOCKER, flags=re.M):
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)

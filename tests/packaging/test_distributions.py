"""The sdist and the wheel hold what they should, and the wheel works far from the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import sigbench

pytestmark = pytest.mark.slow  # an sdist and a wheel are built, and the wheel installed

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMPORTS = {"sigbench", "sigbench_baselines", "sigbench_tasks"}
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", "__pycache__", "*.egg-info", "build", "dist", ".venv", ".sigbench", ".*_cache", ".hypothesis"
)


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    source, out = tmp_path_factory.mktemp("source") / "checkout", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, source, ignore=LEFT_BEHIND)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    target = tmp_path_factory.mktemp("elsewhere") / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", target, wheel], check=True, capture_output=True)
    return target


def files_of(folder: Path) -> Iterator[Path]:
    return (
        file.relative_to(folder) for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )


def test_the_sdist_holds_what_a_reader_needs(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "README.md",
        "docs/guide/reading.md",
        "LICENSE",
        "constraints.txt",
        "pyproject.toml",
        "tests/conftest.py",
    } <= names
    for folder in ("sigbench", "baselines", "tasks"):
        assert {f"{folder}/{file}" for file in files_of(ROOT / folder)} <= names
    assert not [name for name in names if name.endswith((".pyc", ".pt")) or "/.sigbench/" in name]


def test_the_wheel_brings_nothing_generic(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    version = sigbench.__version__
    assert tops == {*IMPORTS, f"sigbench-{version}.dist-info"}


def test_the_wheel_holds_every_source_and_artifact(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    mapping = PROJECT["tool"]["setuptools"]["package-dir"]
    for package, folder in mapping.items():
        assert {f"{package}/{file}" for file in files_of(ROOT / folder)} <= names
    assert "sigbench/py.typed" in names
    board = {file for file in files_of(ROOT / "leaderboard") if file.suffix in (".toml", ".json", ".jsonl", ".png")}
    assert len(board) > 20
    assert {f"sigbench/leaderboard/committed/{file}" for file in board} <= names
    for task in ("gmm", "gmm2d"):
        for file in ("weights.safetensors", "manifest.json"):
            assert f"sigbench_tasks/mixture/artifacts/{task}/{file}" in names
    for file in ("data/train-images-idx3-ubyte.gz", "data/README.md", "artifacts/classifier/statistics.safetensors"):
        assert f"sigbench_tasks/mnist/{file}" in names
    assert wheel.stat().st_size < 57_000_000  # 11 MB of it are the MNIST files, 40 MB networks


def test_the_wheel_declares_its_plugins_and_its_licence(installed: Path) -> None:
    (info,) = installed.glob("*.dist-info")
    assert (info / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    points = (info / "entry_points.txt").read_text()
    for group, entries in PROJECT["project"]["entry-points"].items():
        assert f"[{group}]" in points
        for name, value in entries.items():
            assert f"{name} = {value}\n" in points
    metadata = (info / "METADATA").read_text()
    assert "License-Expression: MIT" in metadata
    assert "Requires-Dist: torch" in metadata


def test_a_release_checks_what_they_say_of_themselves(distributions: Path) -> None:
    """By the program that the release's workflow runs; a tag must be the version's, and its entry have a date."""
    program = [sys.executable, str(ROOT / ".ci" / "metadata.py"), str(distributions)]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"sigbench {sigbench.__version__}: sigbench-{sigbench.__version__}-py3-none-any.whl" in done.stdout
    notes = (distributions / "notes.md").read_text()
    assert notes.startswith("- ")
    assert "\n## " not in notes
    other = subprocess.run([*program, "v9.9.9"], capture_output=True, text=True)
    assert (other.returncode, other.stderr) == (1, f"the tag is v9.9.9, and the version {sigbench.__version__}.\n")
    if "not released yet" in (ROOT / "CHANGELOG.md").read_text():
        undated = subprocess.run([*program, f"v{sigbench.__version__}"], capture_output=True, text=True)
        assert undated.returncode == 1
        assert "has no date: 'not released yet'" in undated.stderr


def run_elsewhere(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a Python with the installed wheel first on its path, from a folder that is not the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_wheel_measures_from_another_directory(installed: Path, tmp_path: Path) -> None:
    program = f"for name in {sorted(IMPORTS)}: print(__import__(name).__file__)"
    where = run_elsewhere(installed, tmp_path, "-c", program).stdout.split()
    assert len(where) == 3
    assert all(Path(file).is_relative_to(installed) for file in where), where

    script = str(installed / "bin" / "sigbench")
    listed = run_elsewhere(installed, tmp_path, script, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    names = {(entry["kind"], entry["name"]) for entry in map(json.loads, listed.stdout.splitlines())}
    for kind in ("task", "sampler"):
        assert {(kind, name) for name in PROJECT["project"]["entry-points"][f"sigbench.{kind}s"]} <= names

    doctor = run_elsewhere(installed, tmp_path, script, "doctor", "--json")
    report = json.loads(doctor.stdout)
    assert (doctor.returncode, report["healthy"], report["git"]) == (0, True, None), report

    shown = run_elsewhere(installed, tmp_path, script, "leaderboard", "show", "--task", "gmm", "--rows", "3")
    assert shown.returncode == 0, shown.stderr
    assert "the copy that came with sigbench" in shown.stderr
    planned = run_elsewhere(installed, tmp_path, script, "sweep", "leaderboard/sweep.toml", "--dry-run")
    assert planned.returncode == 0, planned.stderr

    measured = run_elsewhere(
        installed,
        tmp_path,
        script,
        "run",
        "--task",
        "gmm",
        "--sampler",
        "sigdeg,euler-maruyama",
        "--steps",
        "2",
        "--samples",
        "100",
        "--repeats",
        "2",
        "--json",
    )
    assert measured.returncode == 0, measured.stderr
    assert [json.loads(line)["status"] for line in measured.stdout.splitlines()] == ["ok", "ok"]
    assert len(list((tmp_path / ".sigbench" / "records").iterdir())) == 2

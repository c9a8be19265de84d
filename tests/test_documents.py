"""What the documents say of the repository is so: rooms, files, sessions, versions."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import sigbench
from sigbench.records.record import SCHEMA
from sigbench.registry import make_task, task_names

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FILE = re.compile(r"`((?:sigbench|baselines|tasks|tests|docs|leaderboard)/[\w./*-]+)`")
MADE = {"leaderboard/index.html"}  # by `sigbench leaderboard build`, and not committed


def test_the_rooms_of_the_architecture_are_the_folders_that_exist() -> None:
    table = ARCHITECTURE[: ARCHITECTURE.index("Single files")]
    rooms = set(re.findall(r"^\| `(\S+)/` ", table, flags=re.M))
    folders = {
        f"sigbench/{folder.name}" for folder in (ROOT / "sigbench").iterdir() if (folder / "__init__.py").exists()
    }
    assert rooms == folders | {"baselines", "tasks", "leaderboard", "docs", "tests"}


def test_the_floors_of_the_architecture_are_those_of_the_contract() -> None:
    """They are written from pyproject.toml; here every package of the core stands in one of them."""
    said = set(re.findall(r"`(sigbench[\w.]*)`", ARCHITECTURE[ARCHITECTURE.index("What may import what") :]))
    core = {f"sigbench.{path.stem}" for path in (ROOT / "sigbench").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert core - {"sigbench.__init__", "sigbench.__pycache__", "sigbench.py"} <= said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    for name in set(FILE.findall(page.read_text())) - MADE:
        folder, _, last = name.rstrip("/").rpartition("/")
        found = list(ROOT.glob(name)) or list((ROOT / folder).glob(f"{last}*"))
        assert found, f"{page.name} names {name}"


def test_sessions_that_are_named_exist() -> None:
    sessions = set(re.findall(r"^@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(), flags=re.M))
    assert {"lint", "site", "results", "documents", "artifacts", "engines"} == sessions
    for page in PAGES:
        for names in re.findall(r"nox -s ([a-z]+(?: (?:lint|site|results|documents|artifacts))*)", page.read_text()):
            assert set(names.split()) <= sessions, page.name


def test_the_version_stands_in_the_changes_and_the_citation() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == sigbench.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (\S+?),", changes, flags=re.M)[0] == sigbench.__version__
    assert f"Records are of schema {SCHEMA}." in changes
    for name in task_names():
        assert f"`{name}`" in changes
    assert make_task("rbergomi").version == 3
    assert {make_task(name).version for name in task_names() if name != "rbergomi"} == {2}


def test_ci_builds_the_site_from_what_the_extra_installs() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    assert ci.index("pip install -c constraints.txt -e '.[docs]'") < ci.index("nox -s lint site")
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for need in PROJECT["project"]["optional-dependencies"]["docs"]:
        assert re.split(r"[\[>]", need)[0].lower() in pinned, need


def test_forms_for_issues_ask_for_something() -> None:
    forms = [file for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config"]
    assert len(forms) == 3
    for file in forms:
        form = yaml.safe_load(file.read_text())
        assert form["name"]
        assert any(field.get("validations", {}).get("required") for field in form["body"])

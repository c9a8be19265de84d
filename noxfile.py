"""The checks beside the tests, each run once: `nox -s lint site`, in an environment with `.[test,docs]`, as CI does."""

import sys
import tempfile
import tomllib
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"  # the tools are installed beside the package that they check
nox.options.sessions = ["lint"]

ROOT = Path(__file__).parent
FOLDERS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]


@nox.session
def documents(session: nox.Session) -> None:
    """Every command of the README and of the pages under docs/ as it stands: half an hour."""
    session.run(sys.executable, "-m", "pytest", "--slow", "--long", "tests/test_readme.py")


@nox.session
def results(session: nox.Session) -> None:
    """Writes the pages' tables and numbers anew from the records; a test says where they do not match."""
    session.run(sys.executable, "-m", "sigbench.leaderboard.documents")


@nox.session
def site(session: nox.Session) -> None:
    """The documents as a site, without a warning: `nox -s site -- DIR` keeps it there. Needs `.[docs]`."""
    with tempfile.TemporaryDirectory() as folder:
        place = session.posargs[0] if session.posargs else folder
        quiet = {"NO_MKDOCS_2_WARNING": "1"}  # which is of MkDocs' future, and of no page
        session.run(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", place, env=quiet)


@nox.session
def artifacts(session: nox.Session) -> None:
    """What the shipped networks are worth, where they or what reads them changed: ten minutes."""
    session.run(sys.executable, "-m", "pytest", "--slow", "--long", "tests/tasks")


@nox.session
def engines(session: nox.Session) -> None:
    """Sweeps over clusters on the loopback, disturbed: minutes. Needs `.[ray,dask,slurm]`."""
    session.run(sys.executable, "-m", "pytest", "--slow", "--long", "-n", "1", "tests/sweep/engines")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, the floors of the house, and no code twice."""
    python = (sys.executable, "-m")
    session.run(*python, "ruff", "check", ".")
    session.run(*python, "ruff", "format", "--check", ".")
    session.run(*python, "pylint", "--disable=all", "--enable=duplicate-code", *FOLDERS.values())
    with tempfile.TemporaryDirectory() as links:
        # Import names differ from folders' names; links make a tree in which they do not.
        for package, folder in FOLDERS.items():
            (Path(links) / package).symlink_to(ROOT / folder, target_is_directory=True)
        imports = "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
        session.run(sys.executable, "-c", imports, "--no-cache", env={"PYTHONPATH": links})
        packages = [argument for package in FOLDERS for argument in ("-p", package)]
        options = ("--config-file", f"{ROOT}/pyproject.toml", "--cache-dir", f"{ROOT}/.mypy_cache")
        with session.chdir(links):
            session.run(*python, "mypy", *options, *packages)

"""The face of the package: names that are looked up where they are used, typed and documented."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sigbench

ROOT = Path(__file__).parents[2]
SOURCE = ast.parse(Path(inspect.getfile(sigbench)).read_text())
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text()


def test_importing_loads_neither_torch_nor_numpy() -> None:
    program = (
        "import sys, sigbench; sigbench.Sampler; sigbench.BadInput; "
        "print([name for name in ('torch', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_name_is_there_and_type_checkers_see_the_same() -> None:
    assert sorted(sigbench.__all__) == sigbench.__all__
    for name in sigbench.__all__:
        assert getattr(sigbench, name) is not None
    assert set(sigbench.__all__) <= set(dir(sigbench))
    (checked,) = (node for node in SOURCE.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == sigbench._PLACES
    assert {*seen, "schema", "__version__"} == set(sigbench.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'rnu'"):
        sigbench.rnu  # noqa: B018


def test_every_name_is_documented_with_all_that_it_has() -> None:
    for name in sigbench.__all__:
        thing = getattr(sigbench, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for part, member in vars(thing).items():
                if not part.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                    assert inspect.getdoc(member), f"{name}.{part}"


def test_the_page_of_the_api_names_all_of_it() -> None:
    """Each has a heading of its own in the reference."""
    shown = re.findall(r"^::: sigbench\.([\w.]+)$", PAGE, flags=re.M)
    places = {**sigbench._PLACES, "schema": "sigbench"}
    assert sorted(shown) == sorted(f"{places[name]}.{name}".removeprefix("sigbench.") for name in places)


def test_arguments_of_run_are_those_of_the_command() -> None:
    """What one of the two can, the other can; but for what is printed or drawn."""
    from sigbench.api.run import run
    from sigbench.cli.run import run as command

    ours, theirs = set(inspect.signature(run).parameters), set(inspect.signature(command).parameters)
    assert theirs - ours == {
        "sampler",
        "sampler_file",
        "add_metric",
        "metrics",
        "plot",
        "as_json",
        "debug",
        "save_samples",
    }
    assert ours - theirs == {"samplers", "add_metrics", "engine", "on_record", "progress"}
    defaults = {name: each.default for name, each in inspect.signature(command).parameters.items()}
    for name, each in inspect.signature(run).parameters.items():
        if name in defaults and name not in ("task", "steps", "store"):
            assert each.default == defaults[name], name

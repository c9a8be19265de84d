"""Options of a spec are read by their type hints; a user's file is what it says now, and is left as it was."""

import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigbench import registry
from sigbench.errors import BadInput
from sigbench.measure.source.plug_ins import code_of
from sigbench.registry import make_metric, make_sampler, sampler_class, task_class
from sigbench.spec import quoted
from sigbench.user_code import load_file
from sigbench_baselines.euler import EulerMaruyama

PROPERTY = settings(deadline=None, derandomize=True, database=None)
OPTIONS = """
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sigbench_baselines.euler import EulerMaruyama

if TYPE_CHECKING:
    from nowhere import Unknown


class Options(EulerMaruyama):
    name = "options"

    def __init__(
        self,
        flag: bool = True,
        choice: Literal["point", "7"] = "point",
        level: Literal[1, 2] = 1,
        folder: Path = Path(),
        most: int | None = 3,
        factor: float = 1.0,
        count: int = 1,
        text: str = "",
        bare=None,
    ):
        self.found = dict(locals())


class Unhinted(EulerMaruyama):
    name = "unhinted"

    def __init__(self, of: "Unknown" = None, count: int = 1) -> None:
        self.found = dict(locals())


class Demanding(EulerMaruyama):
    name = "demanding"

    def __init__(self, strength: float, colour: str, width: int = 1) -> None:
        self.found = dict(locals())
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("plugin") / "options.py"
    file.write_text(OPTIONS)
    return str(file)


def found(spec: str, option: str) -> Any:
    return make_sampler(spec).found[option]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("flag", "false", False),
        ("flag", "False", False),
        ("flag", "0", False),
        ("flag", "true", True),
        ("flag", "1", True),
        ("choice", "7", "7"),
        ("choice", "point", "point"),
        ("level", "2", 2),
        ("folder", "some/folder", Path("some/folder")),
        ("most", "7", 7),
        ("most", "null", None),
        ("factor", "2", 2.0),
        ("factor", "1e-3", 1e-3),
        ("count", "7", 7),
        ("text", "7", "7"),
        ("text", "a=b", "a=b"),
        ("bare", "7", 7),
        ("bare", "0.5", 0.5),
        ("bare", "seven", "seven"),
    ],
)
def test_a_text_becomes_what_its_option_takes(plugin: str, option: str, text: str, value: Any) -> None:
    got = found(f"{plugin}:Options:{option}={text}", option)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("flag", "maybe", "takes bool, got 'maybe'"),
        ("choice", "8", "takes one of 'point', '7', got '8'"),
        ("level", "3", "takes one of 1, 2, got '3'"),
        ("most", "many", r"takes int \| None, got 'many'"),
        ("factor", "much", "takes float, got 'much'"),
        ("count", "0.5", "takes int, got '0.5'"),
        ("count", "", "takes int, got ''"),
        ("flagg", "1", "unknown option of .*'flagg': did you mean 'flag'"),
    ],
)
def test_a_text_of_another_kind_is_refused(plugin: str, option: str, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        make_sampler(f"{plugin}:Options:{option}={text}")


def test_hints_that_cannot_be_read_leave_numbers_and_texts(plugin: str) -> None:
    assert found(f"{plugin}:Unhinted:of=3:count=4", "of") == 3
    assert found(f"{plugin}:Unhinted:of=3:count=4", "count") == 4
    assert found(f"{plugin}:Unhinted:of=x", "of") == "x"


def test_what_has_no_default_is_asked_for(plugin: str) -> None:
    with pytest.raises(BadInput, match=r"needs colour: write .*:Demanding:strength=2:colour=…\."):
        make_sampler(f"{plugin}:Demanding:strength=2")
    assert found(f"{plugin}:Demanding:strength=2:colour=red", "strength") == 2.0
    with pytest.raises(BadInput, match=r"fid needs weights: write fid:weights=…\."):
        make_metric("fid")


@PROPERTY
@given(value=st.integers(-(2**62), 2**62))
def test_whole_numbers_come_back(plugin: str, value: int) -> None:
    for option in ("count", "most", "bare"):
        assert found(f"{plugin}:Options:{option}={value}", option) == value


@PROPERTY
@given(value=st.floats())
def test_numbers_come_back(plugin: str, value: float) -> None:
    got = found(f"{plugin}:Options:factor={value!r}", "factor")
    assert got == value or (math.isnan(got) and math.isnan(value))


@PROPERTY
@given(value=st.text(), quote=st.sampled_from("'\""))
def test_texts_come_back(plugin: str, value: str, quote: str) -> None:
    value = value.replace(quote, "")  # a text with quotes of both kinds cannot be written
    assert found(f"{plugin}:Options:text={quoted(value)}", "text") == value


def test_a_users_file_is_read_anew_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit of the same length within the same second, which bytecode beside the file would hide."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "mine.py"
    seen = []
    for value in (1, 2):
        file.write_text(
            "from sigbench_baselines.euler import EulerMaruyama\n\n\n"
            f"class Mine(EulerMaruyama):\n    name = 'mine'\n    value = {value}\n"
        )
        os.utime(file, (1e9, 1e9))
        mine = sampler_class(f"{file}:Mine")
        seen.append((mine.value, code_of("sampler", mine)))  # type: ignore[attr-defined]
    assert [value for value, _ in seen] == [1, 2]
    assert seen[0][1] != seen[1][1]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_mere_folder_of_that_name_hides_nothing_beside_a_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "facts_of_mine").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    (tmp_path / "facts_of_mine.py").write_text("NAME = 'found'\n")
    (tmp_path / "mine.py").write_text("from facts_of_mine import NAME\n")
    assert load_file(str(tmp_path / "mine.py")).NAME == "found"


def test_what_lies_beside_a_users_file_can_be_imported_and_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders with modules of the same names, from a third; then an edit; packages too."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for folder in ("one", "two"):
        (tmp_path / folder / "pack").mkdir(parents=True)
        (tmp_path / folder / "mine.py").write_text(
            "from helper import VALUE\nfrom pack.inner import NAME\n"
            "from sigbench_baselines.euler import EulerMaruyama\n\n\n"
            "class Mine(EulerMaruyama):\n    name, value = NAME, VALUE\n"
        )
        (tmp_path / folder / "helper.py").write_text(f"VALUE = '{folder}'\n")
        (tmp_path / folder / "random.py").write_text("1 / 0  # the standard library's goes first\n")
        (tmp_path / folder / "pack" / "__init__.py").write_text("import random\n")
        (tmp_path / folder / "pack" / "inner.py").write_text(f"NAME = '{folder}'\n")

    def found(folder: str) -> tuple[str, str]:
        mine = sampler_class(f"{tmp_path / folder}/mine.py:Mine")
        return mine.name, mine.value  # type: ignore[attr-defined]

    monkeypatch.chdir(tmp_path)
    assert [found("one"), found("two"), found("one")] == [("one", "one"), ("two", "two"), ("one", "one")]
    (tmp_path / "one" / "helper.py").write_text("VALUE = 'new'\n")
    assert found("one") == ("one", "new")
    assert not list(tmp_path.rglob("__pycache__"))


def test_names_and_files_are_told_apart(plugin: str) -> None:
    assert sampler_class("euler-maruyama") is EulerMaruyama
    with pytest.raises(BadInput, match=r"unknown sampler class in .*options\.py 'Option': did you mean 'Options'"):
        sampler_class(f"{plugin}:Option")
    with pytest.raises(BadInput, match=r"unknown metric class in .*options\.py 'Options': valid are none"):
        make_metric(f"{plugin}:Options")


def test_one_hint_that_is_no_type_here_leaves_the_others_theirs(plugin: str) -> None:
    assert found(f"{plugin}:Unhinted:of=7", "of") == 7
    with pytest.raises(BadInput, match="Unhinted:count takes int, got 'x'"):
        make_sampler(f"{plugin}:Unhinted:count=x")


def test_an_option_given_twice_is_refused(plugin: str) -> None:
    with pytest.raises(BadInput, match="gives count twice"):
        make_sampler(f"{plugin}:Options:count=1:count=2")


def test_a_table_decides_whose_task_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who registers it makes the task; files of nobody's tables are of a network and of data."""
    file = tmp_path / "mine.toml"
    file.write_text("[mine]\nsize = 3\n")
    with pytest.raises(BadInput, match="object contains unknown field mine"):
        task_class(str(file))

    def made(path: str) -> Any:
        raise OSError(f"no luck with {Path(path).name}")

    points = {name: SimpleNamespace(name=name, value="a:b", load=lambda: made) for name in ("mine", "yours")}
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.TASK_FILES else {})
    with pytest.raises(BadInput, match=r"mine\.toml cannot be made: OSError: no luck with mine\.toml\."):
        task_class(str(file))
    file.write_text("[mine]\n[yours]\n")
    with pytest.raises(BadInput, match="the tables mine and yours make tasks of different kinds: keep one of them"):
        task_class(str(file))
    file.write_text("[mine")
    with pytest.raises(BadInput, match="is not TOML"):
        task_class(str(file))

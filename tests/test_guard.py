"""Whatever a plug-in raises becomes one sentence, which every file can hold and every terminal can show."""

import os
import sys
from pathlib import Path

import pytest

from sigbench.errors import BadInput, BrokenContract
from sigbench.guard import guarded, one_line, same_folder, told


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Loud(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("x"), "ValueError: x"),
        (ValueError("one.\ntwo."), "ValueError: one. two"),
        (ValueError("a \ud800 b"), "ValueError: a \N{REPLACEMENT CHARACTER} b"),
        (ValueError("\x1b[31m"), "ValueError: \N{REPLACEMENT CHARACTER}[31m"),
        (Loud(), "Loud"),
        (Mute(), "Mute, whose text cannot be had"),
        (SystemExit(0), "SystemExit: 0"),
        (GeneratorExit("g"), "GeneratorExit: g"),
        (StopIteration(3), "StopIteration: 3"),
    ],
)
def test_what_is_raised_is_told_in_one_line(error: BaseException, words: str) -> None:
    assert told(error) == words
    told(error).encode()
    with pytest.raises(BadInput) as refused, guarded("it cannot be asked"):
        raise error
    assert str(refused.value) == f"it cannot be asked: {words}."


def test_leaving_the_program_is_no_way_out() -> None:
    with pytest.raises(BadInput, match="SystemExit: 7"), guarded("it cannot be asked"):
        sys.exit(7)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BadInput("so."), BrokenContract("so.")])
def test_the_user_and_sigbench_itself_are_heard(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, guarded("it cannot be asked"):
        raise error
    assert raised.value is error


def test_a_line_is_bounded() -> None:
    assert one_line("x" * 10**6, 50) == "x" * 49 + "…"
    assert one_line("x" * 50, 50) == "x" * 50
    assert one_line("\n".join("ab")) == "a b"


def test_the_working_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes elsewhere within comes back, to a folder that was removed, too."""
    monkeypatch.chdir(tmp_path)
    with guarded("it cannot be asked"):
        os.chdir("/")
    assert Path.cwd() == tmp_path
    with pytest.raises(BadInput), guarded("it cannot be asked"):
        os.chdir("/")
        raise SystemExit
    assert Path.cwd() == tmp_path
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with same_folder():
        os.chdir("/")
    assert not os.listdir(".")  # noqa: PTH208  a Path has no name for it

"""Submissions that lie: refused by name, without a look into any file, and never at the cost of a board."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline_in import in_folder
from made_records import made, metric, sealed

from sigbench.leaderboard.submissions import Submissions
from sigbench.measure.again import files_of
from sigbench.records.record import Record


def forged(change: Callable[[dict[str, Any]], object], **facts: Any) -> Record:
    """An honest record with a change, its key and digest worked out again."""
    record: Any = copy.deepcopy(made(**facts))
    change(record)
    return sealed(record)


def added(tmp_path: Path, record: Record) -> list[str]:
    """Why a record is refused, nothing where it is taken."""
    (tmp_path / "file.jsonl").write_text(json.dumps(record) + "\n")
    return [problem.reason for problem in Submissions(tmp_path / "submitted").add(tmp_path / "file.jsonl").refused]


def update(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda record: record.update(fields)


def made_with(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda record: record["provenance"].update(fields)


LIES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (update(sampler="sigdeg", family="student"), "it calls its sampler 'sigdeg', and asks for 'ddim'"),
    (update(sampler="heun"), "it calls its sampler 'heun'"),
    (update(sampler="mine"), "it calls its sampler 'mine', and asks for 'ddim'"),
    (update(family="student"), "of the family 'student', which is of 'ode'"),
    (update(family="best"), "the family 'best' is none of"),
    (update(spec="./evil.py:Evil"), "it calls its sampler 'ddim', as an installed one is"),
    (update(spec="evil.py:Evil", sampler="sigdeg"), "it calls its sampler 'sigdeg', as an installed one is"),
    (update(spec="nobody", sampler="sigdeg"), "as an installed one is, and asks for 'nobody'"),
    (update(task_spec="./evil.py:Evil"), "it calls its task 'gmm', as an installed one is"),
    (update(task="mnist"), "it calls its task 'mnist'"),
    (update(role="teacher"), "is not the teacher of gmm"),
    (update(task_version=0), "cannot be"),
    (update(nfe=-5), "-5 network calls cannot be"),
    *(
        (update(spec="mine.py:Mine", sampler=f"a{odd}b"), "the name of its sampler is no line of text")
        for odd in ("\n", "\x1b[2J", "\u202e", "\u2028", "\x00")
    ),
    (update(task_spec="mine.py:Mine", task="a\u202eb"), "the name of its task is no line of text"),
    (made_with(dtype=["a"]), "the dtype of its provenance is no str"),
    (made_with(device=["a"]), "the device of its provenance is no str"),
    (made_with(dtype="float64"), "says float64, and float32 was asked for"),
    (made_with(threads="two"), "the threads of its provenance is no int"),
    (made_with(artifacts=["a"]), "the artifacts of its provenance is no dict"),
    (made_with(artifacts={"a": ["b"]}), "which is no text"),
    (made_with(packages={"a": {}}), "which is no text"),
    (made_with(date={}), "the date of its provenance is no str"),
]


@pytest.mark.parametrize(("change", "words"), LIES, ids=[words for _, words in LIES])
def test_a_record_that_contradicts_itself_or_what_is_installed(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert added(tmp_path, made()) == []
    (reason,) = added(tmp_path, forged(change))
    assert words in reason
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_stranger_by_a_name_of_its_own_is_taken(tmp_path: Path) -> None:
    assert added(tmp_path, forged(update(spec="mine.py:Mine", sampler="mine"))) == []
    assert added(tmp_path, forged(update(spec="theirs", sampler="theirs"))) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (update(spec="./evil.py:Evil", sampler="evil"), ["./evil.py:Evil"]),
        (update(spec="kdiffusion:evil.py:f", sampler="evil"), ["kdiffusion:evil.py:f"]),
        (update(spec="sigdeg:artifact=evil", sampler="sigdeg"), ["evil"]),
        (update(spec="theirs:weights=/etc/passwd", sampler="theirs"), ["/etc/passwd"]),
        (update(task_spec="evil.py:Task", task="evil"), ["evil.py:Task"]),
        (update(task_spec="evil.toml", task="evil"), ["evil.toml"]),  # which names a FILE.py:FUNCTION
        (update(spec="theirs:task=evil.toml", sampler="theirs"), ["evil.toml"]),
        (update(grid="evil.py:times"), ["evil.py:times"]),
        (update(grid="evil.json"), ["evil.json"]),
        (update(), []),
        (update(grid="karras:rho=5", spec="ddim:eta=0.5"), []),
    ],
)
def test_the_files_that_a_record_names(change: Callable[[dict[str, Any]], object], named: list[str]) -> None:
    assert files_of(forged(change)) == named


EVIL = "import pathlib; pathlib.Path('EXECUTED').write_text('x')\n"
EVIL_TASK = """name = "evil"
[model]
kind = "python"
path = "evil.py:build"
predicts = "eps"
schedule = { kind = "vp-linear" }
[data]
array = "x.npy"
"""


@pytest.mark.parametrize(
    "names",
    [
        {"spec": "./evil.py:Evil", "sampler": "evil"},
        {"task_spec": "evil.toml", "task": "evil"},
        {"task_spec": "evil.py:Task", "task": "evil"},
        {"grid": "evil.py:times"},
    ],
)
def test_verify_reads_no_file_of_a_record_unless_it_is_allowed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: dict[str, str]
) -> None:
    record = forged(update(**names))
    sigbench = in_folder(tmp_path, monkeypatch, capsys)
    (tmp_path / "evil.py").write_text(EVIL)
    (tmp_path / "evil.toml").write_text(EVIL_TASK)
    np.save(tmp_path / "x.npy", np.zeros((20, 2)))
    (tmp_path / "file.jsonl").write_text(json.dumps(record) + "\n")
    assert sigbench("leaderboard", "add", "file.jsonl")[0] == 0
    code, _, err = sigbench("leaderboard", "verify", record["key"])
    assert code == 2
    assert "--allow-files" in err
    assert not (tmp_path / "EXECUTED").exists()
    assert sigbench("leaderboard", "verify", record["key"], "--allow-files")[0] == 2
    assert (tmp_path / "EXECUTED").exists()


def test_one_bad_row_never_costs_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever can write into the folder can put anything there."""
    sigbench = in_folder(tmp_path, monkeypatch, capsys)
    (tmp_path / "own.jsonl").write_text(json.dumps(made()) + "\n")
    folder = tmp_path / "leaderboard" / "submitted"
    folder.mkdir(parents=True)
    for number, (change, _) in enumerate(LIES):
        (folder / f"{number}.json").write_text(json.dumps(forged(change, steps=7)))
    (folder / "again").mkdir()
    code, out, err = sigbench("leaderboard", "show", "--task", "gmm", "--records", "own.jsonl", "--json")
    assert code == 0
    assert [json.loads(line)["steps"] for line in out.splitlines()] == [5]
    assert f"{len(LIES)} records were skipped" in err
    assert len(err.splitlines()) <= 11


@pytest.mark.parametrize(
    "other",
    [
        made(steps=7, metrics={"w1": metric(0.2, 0.01)}),
        made(sampler="heun", metrics={"w1": metric(0.2, 0.01)}),
        made(samples=999, metrics={"w1": metric(0.2, 0.01)}),
        made(seed=3, metrics={"w1": metric(0.2, 0.01)}),
        {"schema": 2},
        [],
        None,
    ],
)
def test_what_was_run_again_must_be_the_same_cell(tmp_path: Path, other: Any) -> None:
    kept = Submissions(tmp_path / "submitted")
    record = made(metrics={"w1": metric(0.2, 0.01)})
    assert added(tmp_path, record) == []
    (kept.folder / "again").mkdir()
    file = kept.folder / "again" / f"{record['key']}.json"
    for document in ({"verdict": "reproduced", "remark": "", "record": other}, other, {}):
        file.write_text(json.dumps(document))
        ((entry,), _) = kept.read()
        assert entry.standing == "reported"


def test_what_cannot_be_kept_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be written to is found out before the cell is measured again."""
    sigbench = in_folder(tmp_path, monkeypatch, capsys)
    record = made()
    (tmp_path / "file.jsonl").write_text(json.dumps(record) + "\n")
    assert sigbench("leaderboard", "add", "file.jsonl")[0] == 0
    (tmp_path / "leaderboard" / "submitted" / "again").write_text("in the way")
    monkeypatch.setattr("sigbench.measure.again.run_again", lambda cell: pytest.fail("it was measured"))
    code, _, err = sigbench("leaderboard", "verify", record["key"])
    assert code == 2
    assert "the folder of what was run again" in err
    assert "cannot be written" in err

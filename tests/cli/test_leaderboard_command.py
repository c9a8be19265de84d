"""`sigbench leaderboard`: what it prints, what it writes, and what it says of records that are not sound."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from commandline import SMALL, Command
from made_records import made, metric, metric_of
from rich.cells import cell_len

from sigbench.records.checks import digest_of
from sigbench.records.record import to_json
from sigbench.report.marks import LEGEND

COMMITTED = Path(__file__).parents[2] / "leaderboard"
SHOW = ("leaderboard", "show", "--task", "gmm", "--store", "made.jsonl")


@pytest.fixture(autouse=True)
def records(sigbench: Command, tmp_path: Path) -> None:
    """Records of two tasks in a file: samplers at the floor and above, a grid that helps one, names of any length."""
    found = []
    for steps in (5, 10, 20):
        for sampler, size in (("sigdeg", 0.05), ("heun", 0.4), ("torchsde-reversible-heun", 2.0), ("ddim:eta=0.5", 1)):
            w1, w2 = metric(size / steps, 0.1 * size / steps), metric(2 * size / steps, 0.3 * size / steps)
            score = {"fcd": metric(size, 0.01), "is": metric(9.0 - size, 0.1, better="higher", floor=9.5)}
            found += [made(sampler, steps, {"w1": w1, "w2": w2}, samples=100_000)]
            for grid, power in (("quadratic", 2), ("karras", 7)):
                times = [(i / steps) ** power for i in range(steps + 1)]
                found += [made(sampler, steps, score, task="mnist", samples=10_000, grid=grid, times=times)]
    found += [
        made("teacher (euler-maruyama)", 300, samples=100_000),
        made("heun", 40, status="diverged", samples=100_000),
    ]
    (tmp_path / "made.jsonl").write_text("".join(to_json(record) + "\n" for record in found))


def some(board: Path) -> Path:
    """Returns the file of the board's own records."""
    return board / "records" / "some.jsonl"


@pytest.fixture
def board(sigbench: Command, tmp_path: Path) -> Path:
    """A board's folder with a line of a record that was made here."""
    folder = tmp_path / "leaderboard"
    (folder / "records").mkdir(parents=True)
    done = sigbench(
        "run", "--task", "gmm", "--sampler", "ddim,heun", "--steps", "3", *SMALL, "--repeats", "3", "--json"
    )
    (folder / "records" / "some.jsonl").write_text(done.out)
    return folder


def rows_of(text: str) -> list[list[str]]:
    """The cells of the rows of the table that `show` prints, without its header."""
    return [[cell.strip() for cell in line.split("│")] for line in text.splitlines() if "│" in line]


def test_show_has_a_block_for_each_number_of_calls_with_marks_and_ranks(sigbench: Command) -> None:
    done = sigbench(*SHOW)
    assert done.code == 0
    assert max(cell_len(line) for line in done.out.splitlines()) <= 80
    assert "\x1b" not in done.out
    rows = [row for row in rows_of(done.out) if row[0]]
    assert [row[0] for row in rows] == ["5"] * 4 + ["10"] * 4 + ["20"] * 4 + ["300", "–"]
    assert [row[4:6] for row in rows[:4]] == [["★=", "1"], ["", "2"], ["", "3"], ["", "4"]]
    assert [row[4:6] for row in rows[-2:]] == [["", "–"], ["", "–"]]
    assert rows[0][1] == "sigdeg"
    assert "diverged" in rows[-1]
    assert done.out.rstrip().endswith(LEGEND)
    assert "floor of w1 0.0100 [0.0098, 0.0102]" in done.out


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_show_of_all_grids_keeps_its_width(sigbench: Command, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = sigbench(
        "leaderboard",
        "show",
        "--task",
        "mnist",
        "--records",
        "made.jsonl",
        "--grid",
        "all",
    )
    assert done.code == 0
    assert max(cell_len(line) for line in done.out.splitlines()) <= int(columns)


def test_show_as_json_is_one_object_a_row_fewest_calls_and_best_first(sigbench: Command) -> None:
    done = sigbench(*SHOW, "--json", "--steps", "5,10")
    rows = done.records()
    assert {row["steps"] for row in rows} == {5, 10}
    assert [row["nfe"] for row in rows] == [5] * 4 + [10] * 4
    for block in (rows[:4], rows[4:]):
        assert [row["value"] for row in block] == sorted(row["value"] for row in block)
        assert [row["mark"] for row in block][:1] == ["best"]
        assert all(row["rank_first"] <= row["rank_last"] <= 4 for row in block)
        assert all(row["p_adjusted"] <= 0.05 for row in block if row["mark"] == "worse")
    assert (rows[0]["sampler"], rows[0]["metric"], rows[0]["standing"]) == ("sigdeg", "w1", "measured")
    assert [row["at_floor"] for row in rows] == [True, False, False, False] + [False] * 4
    assert rows[0].keys() >= {"value", "low", "high", "floor", "nfe", "key", "grid", "status", "not_compared"}
    assert "rank" not in rows[0]
    assert not any("★" in line for line in done.out.splitlines())


def test_what_is_left_out_of_show_changes_no_mark(sigbench: Command) -> None:
    everything = {row["key"]: row for row in sigbench(*SHOW, "--json").records()}
    for options in (("--steps", "10"), ("--nfe", "10"), ("--max-nfe", "10"), ("--rows", "6")):
        rows = sigbench(*SHOW, "--json", *options).records()
        assert rows
        assert len(rows) < len(everything)
        assert all(everything[row["key"]] == row for row in rows)
    assert "11 more rows" in sigbench(*SHOW, "--rows", "3").err


def test_show_takes_each_sampler_on_its_best_grid_and_says_so(sigbench: Command, tmp_path: Path) -> None:
    def written(name: str, steps: int, value: float, grid: str) -> str:
        times = [(i / steps) ** (1 + len(grid)) for i in range(steps + 1)]
        return to_json(made(name, steps, {"w1": metric(value, 0.001)}, grid=grid, times=times)) + "\n"

    several = [("a", 0.6, "quadratic"), ("a", 0.2, "karras"), ("b", 0.4, "quadratic"), ("b", 0.9, "karras")]
    (tmp_path / "grids.jsonl").write_text("".join(written(name, 5, value, grid) for name, value, grid in several))
    show = ("leaderboard", "show", "--task", "gmm", "--records", "grids.jsonl")

    def found(*options: str) -> list[tuple[str, str, str | None]]:
        return [(row["sampler"], row["grid"], row["mark"]) for row in sigbench(*show, "--json", *options).records()]

    assert found() == found("--grid", "best") == [("a", "karras", "best"), ("b", "quadratic", "worse")]
    assert found("--grid", "quadratic") == [("b", "quadratic", "best"), ("a", "quadratic", "worse")]
    assert found("--grid", "all") == [
        ("a", "karras", "best"),
        ("b", "quadratic", "worse"),
        ("a", "quadratic", None),
        ("b", "karras", None),
    ]
    done = sigbench(*show)
    assert "chosen by looking at the numbers shown" in done.err
    assert "chosen by looking" not in sigbench(*show, "--grid", "quadratic").err


def test_show_takes_a_metric_a_budget_and_a_board(sigbench: Command) -> None:
    rows = sigbench(
        "leaderboard",
        "show",
        "--task",
        "mnist",
        "--records",
        "made.jsonl",
        "--metric",
        "is",
        "--max-nfe",
        "10",
        "--samples",
        "10000",
        "--json",
    ).records()
    assert {(row["metric"], row["samples"]) for row in rows} == {("is", 10000)}
    assert max(row["nfe"] for row in rows) <= 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--task", "gmn"), "unknown task among the records 'gmn': did you mean 'gmm'"),
        (("--task", "gmm", "--metric", "w3"), "unknown metric of gmm 'w3': did you mean 'w2' or 'w1'"),
        (("--task", "gmm", "--grid", "unifrm"), "unknown grid among the records 'unifrm'"),
        (("--task", "gmm", "--samples", "7"), "there are 100000 samples, seed 0"),
        (("--task", "gmm", "--steps", "999"), "no cell of gmm fits"),
        (("--task", "gmm", "--steps", "x"), "--steps"),
        (("--task", "gmm", "--max-nfe", "0"), "--nfe must be at least 1, got 0"),
        (("--task", "gmm", "--records", "nowhere"), "there are no records at nowhere"),
        (("--task", "gmm", "--folder", "nowhere"), "there is no folder nowhere"),
        (("--task", "gmm", "--board", "nowhere"), "there is no folder nowhere"),
    ],
)
def test_bad_input_is_one_sentence(sigbench: Command, arguments: tuple[str, ...], words: str) -> None:
    records = () if {"--records", "--folder", "--board"} & set(arguments) else ("--records", "made.jsonl")
    done = sigbench("leaderboard", "show", *arguments, *records)
    assert done.code == 2
    assert words in done.sentence()


def test_names_are_looked_for_where_records_are_read_and_no_deeper(sigbench: Command, tmp_path: Path) -> None:
    """A folder may be the whole disk."""
    (tmp_path / "top" / "below").mkdir(parents=True)
    shutil.copy(tmp_path / "made.jsonl", tmp_path / "top")
    deep = (tmp_path / "made.jsonl").read_text().replace('"task":"mnist"', '"task":"mnost"')
    assert "mnost" in deep
    (tmp_path / "top" / "below" / "deep.jsonl").write_text(deep)
    refused = sigbench("leaderboard", "show", "--task", "mnost", "--store", "top")
    assert refused.code == 2
    assert "unknown task among the records 'mnost': did you mean 'mnist'" in refused.sentence()


def test_records_that_are_not_sound_are_named_and_counted(sigbench: Command, board: Path) -> None:
    lines = some(board).read_text().splitlines()
    edited = json.loads(lines[0])
    edited["samples"] += 1
    foreign = {**json.loads(lines[0]), "schema": 7}
    wrong = [lines[0], lines[1], json.dumps(edited), json.dumps(foreign), lines[1][:100], lines[0]]
    some(board).write_text("\n".join(wrong) + "\n")
    done = sigbench("leaderboard", "show", "--task", "gmm", "--json")
    assert done.code == 0
    assert len(done.records()) == 2
    for line, reason in ((3, "digest"), (4, "schema 7"), (5, "not JSON"), (6, "duplicate")):
        assert any(f"some.jsonl, line {line}" in text and reason in text for text in done.err.splitlines()), line
    assert "4 records were skipped: 2 damaged, 1 foreign, 1 duplicate" in done.err


@pytest.mark.slow
def test_build_writes_the_page_and_the_table(sigbench: Command, board: Path) -> None:
    shutil.copy(COMMITTED / "claims.toml", board)
    done = sigbench("leaderboard", "build")
    assert done.code == 0
    assert "2 cells of 1 tasks" in done.out
    text = (board / "index.html").read_text()
    assert "vegaEmbed" in text
    assert "Not measured yet" in text
    table = (board / "README.md").read_text()
    assert [line.split(" | ")[:2] for line in table.splitlines() if "| quadratic |" in line] == [
        ["| **3**", "ddim"],
        ["| **6**", "heun"],
    ]
    for words in ("w1 at 3 calls: ddim alone.", "Not measured at 1, 2, 5, 8, 10, 20 and 50 calls."):
        assert words in table
        assert words in unescape(re.sub("<[^>]+>", "", text))
    sigbench("leaderboard", "build")
    assert (board / "index.html").read_text() == text


def test_build_leaves_out_what_is_of_the_first_schema_and_says_so(sigbench: Command, board: Path) -> None:
    old = json.dumps({"schema": 1, "key": "0", "status": "ok"}) + "\n"
    (board / "records" / "old.jsonl").write_text(3 * old)
    (board / "studies" / "guidance").mkdir(parents=True)
    (board / "studies" / "guidance" / "mnist.jsonl").write_text(old)
    done = sigbench("leaderboard", "build")
    assert done.code == 0
    assert "2 cells of 1 tasks" in done.out
    records, study = done.err.splitlines()
    assert records.startswith("sigbench: 4 records are of an older schema, which this version does not read; measure")
    assert study.startswith("sigbench: left out: the study leaderboard/studies/guidance/mnist.jsonl, line 1: schema 1,")


def test_build_refuses_another_ending(sigbench: Command, board: Path) -> None:
    done = sigbench("leaderboard", "build", "--out", "page.pdf")
    assert done.code == 2
    assert "'page.pdf'" in done.err


def alter(board: Path, edit: Callable[[dict[str, Any]], object]) -> str:
    """Hands in the board's first record as `edit` leaves it, sealed anew; returns its key."""
    record = json.loads(some(board).read_text().splitlines()[0])
    edit(record)
    record["digest"] = digest_of(record)
    (board.parent / "theirs.json").write_text(json.dumps(record))
    key: str = record["key"]
    return key


def standing(sigbench: Command, key: str) -> str:
    rows = sigbench("leaderboard", "show", "--task", "gmm", "--json").records()
    return next(row["standing"] for row in reversed(rows) if row["key"] == key)


def test_a_reported_record_is_reproduced(sigbench: Command, board: Path) -> None:
    key = alter(board, lambda record: None)
    some(board).write_text("".join((some(board)).read_text().splitlines(keepends=True)[1:]))
    done = sigbench("leaderboard", "add", "theirs.json")
    assert (done.code, key in done.out) == (0, True)
    assert standing(sigbench, key) == "reported"
    done = sigbench("leaderboard", "verify", key[:8])
    assert done.code == 0, done.err
    assert "reproduced" in done.out
    assert standing(sigbench, key) == "reproduced"


def test_a_record_that_is_too_good_differs(sigbench: Command, board: Path) -> None:
    def better(record: dict[str, Any]) -> None:
        w1 = record["metrics"]["w1"]
        values = [value / 50 for value in w1["values"]]
        made_up = metric_of(values, w1["floor"], n=w1["n"], method=w1["method"])
        record["metrics"] = {"w1": json.loads(json.dumps(made_up))}

    key = alter(board, better)
    assert sigbench("leaderboard", "add", "theirs.json").code == 0
    done = sigbench("leaderboard", "verify", key)
    assert done.code == 1
    assert "standard errors" in done.out
    rows = sigbench("leaderboard", "show", "--task", "gmm", "--json").records()
    assert {row["standing"]: row["not_compared"] for row in rows if row["key"] == key} == {
        "measured": "alone at this number of calls",
        "differs": "it differs when run here",
    }
    assert all(row["rank_first"] is None for row in rows if row["standing"] == "differs")


def test_what_cannot_be_taken_is_named(sigbench: Command, board: Path) -> None:
    (board.parent / "bad.jsonl").write_text('{"schema": 3}\nnonsense\n')
    done = sigbench("leaderboard", "add", "bad.jsonl")
    assert done.code == 2
    assert "bad.jsonl, line 1" in done.err
    assert "bad.jsonl, line 2" in done.err
    assert sigbench("leaderboard", "add", "none.jsonl").code == 2
    assert sigbench("leaderboard", "verify", "abc").code == 2


def test_show_loads_nothing_that_is_slow(tmp_path: Path) -> None:
    code = (
        "import sys; from sigbench.cli.app import main\n"
        f"sys.argv = 'sigbench leaderboard show --task gmm --records'.split() + [{str(tmp_path / 'made.jsonl')!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print({'torch', 'scipy.stats', 'ot', 'altair'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "set()"


def test_control_characters_of_names_do_nothing(sigbench: Command, board: Path) -> None:
    """Such a record is skipped with a sentence, and the others are shown."""
    first, second, *_ = some(board).read_text().splitlines()
    record = json.loads(first)
    record["sampler"] = "red\x1b[31m"
    record["digest"] = digest_of(record)
    some(board).write_text(f"{json.dumps(record)}\n{second}\n")
    done = sigbench("leaderboard", "show", "--task", "gmm")
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert "line 1: the name of its sampler is no line of text" in done.err.replace("\n", " ")
    assert "red" not in done.out.split("Compared")[0]


@pytest.mark.parametrize("text", ["claim = 3", "[claim]", "[[claim]]\ntask = 'gmm'", "claim = [1]", "[" * 5000])
def test_claims_that_are_none(sigbench: Command, board: Path, text: str) -> None:
    (board / "claims.toml").write_text(text)
    done = sigbench("leaderboard", "build")
    assert done.code == 2
    assert "claim" in done.sentence()


def test_a_claim_with_wrong_kinds_of_values(sigbench: Command, board: Path) -> None:
    text = (COMMITTED / "claims.toml").read_text()
    (board / "claims.toml").write_text(text.replace('metrics = ["w1", "ks"]', "metrics = 5"))
    done = sigbench("leaderboard", "build")
    assert done.code == 2
    assert "claim 1 of" in done.sentence()


def test_a_folder_in_the_place_of_a_record_is_counted(sigbench: Command, board: Path) -> None:
    some(board).rename(board / "records" / "kept.jsonl")
    (board / "records" / "x.json").mkdir()
    done = sigbench("leaderboard", "show", "--task", "gmm", "--records", board / "records")
    assert done.code == 0
    assert "1 damaged" in done.err


def test_rows_are_counted_from_0(sigbench: Command) -> None:
    assert "--rows must be at least 0, got -3" in sigbench(*SHOW, "--rows", "-3").sentence()


def test_a_teacher_that_was_run_again_is_reproduced(sigbench: Command, tmp_path: Path) -> None:
    """Its cell runs under the name of its sampler, and its record keeps the one under which it was handed in."""
    made = sigbench("run", "--task", "gmm", "--sampler", "teacher", *SMALL, "--repeats", "3", "--json")
    (tmp_path / "theirs.jsonl").write_text(made.out)
    (tmp_path / "leaderboard").mkdir()
    assert sigbench("leaderboard", "add", "theirs.jsonl").code == 0
    (record,) = made.records()
    assert sigbench("leaderboard", "verify", record["key"]).code == 0
    (row,) = sigbench("leaderboard", "show", "--task", "gmm", "--json").records()
    assert (row["sampler"], row["role"]) == ("euler-maruyama", "teacher")
    assert (row["standing"], row["not_compared"]) == ("reproduced", "alone at this number of calls")
    assert "(euler-maruyama)" in sigbench("leaderboard", "show", "--task", "gmm").out

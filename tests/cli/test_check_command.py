"""`sigbench check` as a user meets it: a baseline of their own sampler, and what happens when that sampler changes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commandline import Command, Outcome
from made_records import sealed

from sigbench.gate import plan as gate_plan
from sigbench.gate import tree as gate_tree
from sigbench.gate.curves import curve_entries
from sigbench.gate.plan import DefaultCurves

SAMPLER = '''
"""A user's sampler."""
from sigbench.sampler import Sampler


class Mine(Sampler):
    """Euler–Maruyama; TAIL is what a change adds to it."""

    name, citation, family = "mine", "this file", "sde"

    def walk(self, problem, x, grid, brownian):
        for index, step in enumerate(grid):
            w = brownian.signature(step).increment
            x = x + step.h * problem.drift(step.start, x) + problem.diffusion(step.start, x) * w
            TAIL
            yield x
'''
MINE = "mine.py:Mine"
SMALL = DefaultCurves(
    samplers=("ddim", MINE),
    steps=(5, 10),
    samples=2000,
    repeats=8,
    margins=(("w1", 0.1, 0.01), ("duplicates", 0.1, 0.1)),
)
# The last increment counts 60 % more than it should, which takes W1 at 5 and at 10 steps up by 10 to 60 %.
NOISIER = "x = x + (0.6 * problem.diffusion(step.start, x) * w if index + 1 == grid.steps else 0)"


@pytest.fixture
def project(sigbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A Git tree with a user's sampler, committed anew with what is added to it."""
    monkeypatch.setattr(gate_plan, "DEFAULT_PLAN", {"gmm": SMALL})
    monkeypatch.setattr(gate_tree, "package_folder", lambda: tmp_path)
    git(tmp_path, "init", "-q")

    def write(tail: str) -> None:
        (tmp_path / "mine.py").write_text(SAMPLER.replace("TAIL is", "it is").replace("TAIL", tail))
        git(tmp_path, "add", "mine.py")
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", "a change")

    write("pass")
    return write


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", "-C", str(root), *who, *arguments], check=True)


def updated(sigbench: Command, *arguments: str) -> Outcome:
    done = sigbench("check", "--update", "--baseline", "baseline.json", *arguments)
    assert done.code == 0, done.err
    return done


def checked(sigbench: Command, *arguments: str) -> Outcome:
    return sigbench("check", "--baseline", "baseline.json", *arguments)


def run_line(done: Outcome) -> dict[str, Any]:
    return done.records()[-1]


def test_the_same_code_passes_with_the_same_bits(sigbench: Command, project: Any, tmp_path: Path) -> None:
    assert updated(sigbench).out == ""
    done = checked(sigbench, "--summary", "check.md", "--plot", "check.svg")
    assert done.code == 0, done.out
    assert "Pass: every point is the same" in done.out
    assert done.out.count("identical") == 2
    assert max(len(line) for line in done.out.splitlines()) <= 80
    summary = (tmp_path / "check.md").read_text()
    assert summary.startswith("## sigbench check: equivalent\n")
    assert f"| gmm | {MINE} | 2 | identical |" in summary
    drawn = (tmp_path / "check.svg").read_text()
    assert "gmm, ddim" in drawn and "5 steps: w1" in drawn


def test_json_lines_and_nothing_else(sigbench: Command, project: Any) -> None:
    updated(sigbench)
    lines = checked(sigbench, "--json").records()
    assert [line["kind"] for line in lines] == ["point"] * 4 + ["curve"] * 2 + ["run"]
    assert {line["schema"] for line in lines} == {2}
    assert (lines[-1]["verdict"], lines[-1]["exit_code"]) == ("equivalent", 0)
    assert all(line["metrics"]["w1"]["identical"] for line in lines[:4])


def test_a_degraded_sampler_is_caught(sigbench: Command, project: Any, tmp_path: Path) -> None:
    """10 % and more of W1, on the way that a user would go; the other sampler stays as it was."""
    updated(sigbench)
    project(NOISIER)
    done = checked(sigbench, "--summary", "check.md", "--plot", "check.png")
    assert done.code == 1
    assert "Regressed: at least one curve is worse" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert "### What moved" in (tmp_path / "check.md").read_text()
    assert (tmp_path / "check.png").read_bytes().startswith(b"\x89PNG")
    lines = checked(sigbench, "--json").records()
    verdicts = {(line["sampler"], line["steps"]): line for line in lines if line["kind"] == "point"}
    assert {verdicts["ddim", steps]["verdict"] for steps in (5, 10)} == {"equivalent"}
    changes = [verdicts[MINE, steps]["metrics"]["w1"] for steps in (5, 10)]
    assert all(0.1 < found["change"] / found["before"] < 0.6 for found in changes), changes
    assert "regressed" in {verdicts[MINE, steps]["verdict"] for steps in (5, 10)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ("x = x / 0 * 0", "diverged: 2000 of 2000 samples are not finite"),
        ("raise RuntimeError('no luck today')", "failed: RuntimeError: no luck today (mine.py, line"),
        ("x = x if index + 1 < grid.steps else x.double()", "yielded shape (2000, 1) in torch.float64"),
        ("problem.drift(step.start, x)", "makes 10 network calls a sample, 5 before"),
    ],
)
def test_failures_and_dearer_samplers_never_pass(sigbench: Command, project: Any, tail: str, words: str) -> None:
    updated(sigbench, "--sampler", MINE)
    project(tail)
    done = checked(sigbench)
    assert done.code == 1
    assert words in " ".join(done.out.split())
    assert max(len(line) for line in done.out.splitlines()) <= 80


def test_garbage_at_once_is_a_regression(sigbench: Command, project: Any, tmp_path: Path) -> None:
    """Yields what it was given, and makes no network call at all."""
    updated(sigbench, "--sampler", MINE)
    code = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(code[: code.index("            w =")] + "            yield x\n")
    done = checked(sigbench, "--json")
    assert done.code == 1
    assert {line["verdict"] for line in done.records() if line["kind"] == "point"} == {"regressed"}


def test_a_sampler_that_is_gone(sigbench: Command, project: Any, tmp_path: Path) -> None:
    updated(sigbench)
    (tmp_path / "mine.py").unlink()
    done = checked(sigbench)
    assert done.code == 2
    assert done.sentence() == "there is no file 'mine.py'."


COPIES = """if index + 1 == grid.steps:
                third = len(x) // 3
                x[-third:] = x[:third]"""
NEAR_COPIES = COPIES.replace("x[:third]", "x[:third] + 1e-5")


@pytest.mark.parametrize("tail", [COPIES, NEAR_COPIES, COPIES.replace("// 3", "// 30")])
def test_copies_are_caught(sigbench: Command, project: Any, tail: str) -> None:
    """A third of the samples as copies of others, to the bit or nearly, and a thirtieth: W1 hardly knows."""
    updated(sigbench, "--sampler", MINE)
    project(tail)
    points = [line for line in checked(sigbench, "--json").records() if line["kind"] == "point"]
    assert {point["metrics"]["duplicates"]["verdict"] for point in points} == {"regressed"}


@pytest.mark.parametrize("change", [{"seed": 1}, {"samples": 60_000}, {"seed": 1, "samples": 60_000}])
def test_an_edited_curve_is_refused(sigbench: Command, project: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    """Also where the records were sealed anew: the curve's own seal says what was measured."""
    updated(sigbench, "--sampler", MINE)
    edit(tmp_path, lambda found: found["records"][0].update(change))
    plain = checked(sigbench)
    assert (plain.code, "changed since it was written" in plain.sentence()) == (2, True)
    edit(tmp_path, lambda found: [resealed(record, **change) for record in found["records"]])
    again = checked(sigbench)
    assert again.code == 2
    assert f"curves[0], {MINE} on gmm, is not what was measured" in again.sentence()


@pytest.mark.slow
def test_a_baseline_that_asks_less_than_that_of_another_commit(sigbench: Command, project: Any, tmp_path: Path) -> None:
    updated(sigbench)
    git(tmp_path, "add", "baseline.json")
    git(tmp_path, "commit", "-q", "-m", "a baseline")
    assert checked(sigbench, "--against", "HEAD", "--sampler", "ddim").code == 0
    edit(tmp_path, lambda found: found["margins"][0].update(excess=0.4))
    edit(tmp_path, lambda found: [found["records"].__delitem__(slice(2, 4)), found["curves"].pop()])
    assert checked(sigbench).code == 0  # nothing in the file itself shows it
    files = ("--summary", "check.md", "--junit", "check.xml", "--github")
    done = checked(sigbench, "--against", "HEAD", *files)
    assert done.code == 3
    told = " ".join(done.out.split())
    assert f"gmm, {MINE}: the curve left the baseline." in told
    assert "gmm, w1: the margin widened from 0.1 to 0.4 of the excess." in told
    for text in (done.err, (tmp_path / "check.md").read_text(), (tmp_path / "check.xml").read_text()):
        assert "the margin widened from 0.1 to 0.4" in text
    git(tmp_path, "mv", "baseline.json", "other.json")
    moved = sigbench("check", "--baseline", "other.json", "--against", "HEAD")
    assert (moved.code, "there is no other.json in HEAD" in moved.out) == (3, True)


def test_against_no_commit(sigbench: Command, project: Any) -> None:
    updated(sigbench, "--sampler", "ddim")
    done = checked(sigbench, "--against", "nowhere")
    assert (done.code, done.sentence()) == (
        2,
        "there is no commit 'nowhere' here: name a branch, a tag or a hash that Git has fetched.",
    )


def resealed(record: Any, **changes: Any) -> None:
    """Changes a record as if it had been measured so."""
    record.update(sealed({**record, **changes}))


def told(found: Any, **changes: Any) -> None:
    """Changes all records and seals records and curves, as a baseline of another version or machine would have it."""
    for record in found["records"]:
        resealed(record, **changes)
    found["curves"] = curve_entries(found["records"])


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    file = folder / "baseline.json"
    found = json.loads(file.read_text())
    change(found)
    file.write_text(json.dumps(found))


def test_an_empty_baseline_and_a_filter_that_leaves_nothing(sigbench: Command, project: Any, tmp_path: Path) -> None:
    updated(sigbench, "--sampler", "ddim")
    nothing = checked(sigbench, "--sampler", "heun")
    assert nothing.code == 4
    assert "it holds ddim on gmm" in nothing.sentence()
    assert checked(sigbench, "--task", "gmm2d").code == 4
    edit(tmp_path, lambda found: [found[name].clear() for name in ("records", "curves")])
    empty = checked(sigbench)
    assert empty.code == 4
    assert empty.sentence() == "nothing was measured: the baseline baseline.json holds no points at all."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--task", "gmn"), "unknown task 'gmn': did you mean 'gmm'"),
        (("--sampler", "ddin"), "unknown sampler 'ddin': did you mean 'ddim'"),
        (("--plot", "chart.jpg"), "saved as .png or .svg"),
        (("--plot", "nowhere/chart.png"), "there is no folder nowhere"),
        (("--summary", "nowhere/check.md"), "there is no folder nowhere for the summary"),
        (("--summary", "."), "the summary . cannot be written: Is a directory"),
        (("--junit", "nowhere/check.xml"), "there is no folder nowhere for the report"),
        (("--baseline", "none.json"), "there is no baseline none.json"),
    ],
)
def test_bad_input(sigbench: Command, project: Any, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    updated(sigbench, "--sampler", "ddim")
    done = checked(sigbench, *arguments)
    assert words in done.sentence()
    assert done.code == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["records"][0].update(samples=9), "records[0] is no record: changed since it was written"),
        (
            lambda found: found["margins"].append({**found["margins"][0], "metric": "w3"}),
            "unknown metric of the task 'gmm' 'w3': did you mean 'w2' or 'w1'",
        ),
        (lambda found: found.update(schema=1), "has schema 1, and this version reads 3: `sigbench check --update"),
        (lambda found: found["margins"][0].update(excess=1e9), "<= 0.5 - at `$.margins[0].excess`"),
        (lambda found: told(found, task_version=7), "version 7 of the task 'gmm', and this is version 2"),
        (lambda found: told(found, grid="quadratik"), "did you mean 'quadratic'"),
        (lambda found: told(found, spec="ddin"), "unknown sampler 'ddin': did you mean 'ddim'"),
        (
            lambda found: told(found, provenance={**found["records"][0]["provenance"], "device": "cuda"}),
            "and there is none here",
        ),
    ],
)
def test_a_baseline_that_cannot_be_checked(
    sigbench: Command, project: Any, tmp_path: Path, change: Callable[[Any], object], words: str
) -> None:
    updated(sigbench, "--sampler", "ddim")
    edit(tmp_path, change)
    done = checked(sigbench)
    assert words in done.sentence()
    assert done.code == 2


def test_update_wants_a_clean_tree(sigbench: Command, project: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("changed")
    done = sigbench("check", "--update", "--baseline", "baseline.json")
    assert done.code == 2
    assert "is not clean (mine.py): commit first" in done.sentence()
    assert not (tmp_path / "baseline.json").exists()


def test_update_shows_the_difference_and_keeps_the_rest(sigbench: Command, project: Any, tmp_path: Path) -> None:
    updated(sigbench)
    first = json.loads((tmp_path / "baseline.json").read_text())
    project(NOISIER)
    done = updated(sigbench, "--sampler", MINE)
    assert "regressed" in done.out
    second = json.loads((tmp_path / "baseline.json").read_text())
    assert second["records"][:2] == first["records"][:2]
    assert [record["spec"] for record in second["records"][2:]] == [MINE, MINE]
    for before, now in zip(first["records"][2:], second["records"][2:], strict=True):
        assert before["code"]["plug_ins"][1]["files"].keys() == now["code"]["plug_ins"][1]["files"].keys()
        assert before["key"] != now["key"]
    assert checked(sigbench, "--sampler", MINE).code == 0


def test_update_replaces_a_baseline_of_another_schema(sigbench: Command, project: Any, tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text('{"schema": 1, "kind": "sigbench-baseline"}')
    git(tmp_path, "add", "baseline.json")
    git(tmp_path, "commit", "-q", "-m", "a baseline of the first version")
    assert "is of another schema, and is made from nothing" in updated(sigbench, "--sampler", "ddim").err
    assert checked(sigbench).code == 0


def test_the_records_of_a_baseline_are_those_that_run_gives(sigbench: Command, project: Any, tmp_path: Path) -> None:
    """The same numbers, and whatever reads records reads them."""
    updated(sigbench, "--sampler", "ddim")
    records = json.loads((tmp_path / "baseline.json").read_text())["records"]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    size = ("--samples", "2000", "--repeats", "8", "--device", "cpu", "--json")
    run = sigbench("run", "--task", "gmm", "--sampler", "ddim", "--steps", "5,10", *size).records()
    assert [r["metrics"]["w1"]["values"] for r in records] == [r["metrics"]["w1"]["values"] for r in run]
    assert [list(record["metrics"]) for record in records] == [["w1", "duplicates"]] * 2
    shown = sigbench("leaderboard", "show", "--task", "gmm", "--records", "records.jsonl", "--json").records()
    assert {row["key"] for row in shown} == {record["key"] for record in records}


def test_update_writes_no_failures(sigbench: Command, project: Any, tmp_path: Path) -> None:
    updated(sigbench)
    before = (tmp_path / "baseline.json").read_bytes()
    project("x = x / 0 * 0")
    done = sigbench("check", "--update", "--baseline", "baseline.json")
    assert done.code == 1
    assert "No baseline was written" in done.sentence()
    assert (tmp_path / "baseline.json").read_bytes() == before


def test_times_of_another_machine_are_not_compared(sigbench: Command, project: Any, tmp_path: Path) -> None:
    updated(sigbench, "--sampler", "ddim")
    elsewhere = {"device_name": "elsewhere"}
    edit(tmp_path, lambda found: told(found, provenance=found["records"][0]["provenance"] | elsewhere))
    done = checked(sigbench)
    assert done.code == 0
    assert "not compared" in done.out
    assert "Time is not compared: the baseline is of another machine" in " ".join(done.out.split())

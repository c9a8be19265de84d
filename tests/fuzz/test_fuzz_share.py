"""A share of the fuzzers in every run of the tests; `python -m tests.fuzz --minutes 30` is the whole.

What is only read is fuzzed in this process, in seconds; commands that compute, in children of a process of their own.
"""

import json
import sys
from pathlib import Path
from random import Random

import pytest
from commandline_in import in_folder
from fuzz_cases import MOST_LINES, Maker, Server
from fuzz_commands import commands, make_command
from fuzz_documents import make_document, mutated
from fuzz_pantry import ABLATION, CLAIMS, SWEEP, stock
from fuzz_plug_ins import make_plug_in
from made_records import made, metric

from sigbench.errors import BadInput
from sigbench.gate.baseline import read_baseline
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.claims import read_claims
from sigbench.leaderboard.markdown import build_markdown
from sigbench.leaderboard.page.build import build_page
from sigbench.leaderboard.submissions import Submissions
from sigbench.networks.artifacts import read_manifest
from sigbench.records.reading import read_records
from sigbench.sde.grids.computed import read_grid
from sigbench.studies.ablation.file import read_ablation
from sigbench.sweep.file import read_sweep

MANIFEST = {"kind": "sigdeg-student", "task": "gmm", "task_version": 1, "sha256": "ab", "config": {"width": 3}}
MANIFEST |= {"command": "a test", "commit": None, "created": "now", "data": {"steps": [2]}, "cost": {"training_s": 1.0}}
COMMITTED = Path(__file__).parents[2] / "leaderboard" / "baseline.json"
ROUNDS = 60


def test_every_command_is_fuzzed() -> None:
    """The tree is typer's own: what is there by `--help` is there for the fuzzer."""
    found = set(commands())
    assert {"run", "sweep", "check", "train", "leaderboard add", "leaderboard verify"} <= found
    chance = Random(1)
    made_of = {" ".join(make_command(chance, Path()).arguments[:2]) for _ in range(2_000)}
    assert all(any(each.startswith(command) for each in made_of) for command in found)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_records_cost_no_board(tmp_path: Path, seed: int) -> None:
    """Whatever is taken can be shown; whatever is not has a reason on one line."""
    chance = Random(f"records:{seed}")
    good = [made("ddim", 2), made("heun", 5, {"w1": metric(0.2, 0.01)}), made("sigdeg", 5, family="student")]
    data = "".join(json.dumps(record) + "\n" for record in good).encode()
    for number in range(ROUNDS):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(mutated(chance, data, ".jsonl"))
        reading = read_records([file])
        assert all("\n" not in problem.reason and len(problem.reason) < 1_000 for problem in reading.problems)
        kept = Submissions(tmp_path / f"submitted-{number}")
        kept.add(file)
        found = boards([*map(Entry, reading.records), *kept.read()[0]])
        build_markdown(found, titles={}, claims={})
    build_page(found, titles={}, claims={}, pictures=[])


def read_submission(file: Path) -> None:
    """Reads what a run of a submission left, in a folder that anybody can write to."""
    record = made()
    again = file.parent / "submitted" / "again"
    again.mkdir(parents=True, exist_ok=True)
    (again.parent / f"{record['key']}.json").write_text(json.dumps(record))
    (again / f"{record['key']}.json").write_bytes(file.read_bytes())
    ((entry,), _) = Submissions(again.parent).read()
    assert entry.standing in ("reported", "reproduced", "differs")


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("sweep.toml", SWEEP, read_sweep),
        ("ablation.toml", ABLATION, read_ablation),
        ("claims.toml", CLAIMS, read_claims),
        ("manifest.json", json.dumps(MANIFEST), lambda file: read_manifest(file.parent)),
        (
            "grid.json",
            json.dumps({"kind": "sigbench grid", "schema": 1, "times": [1.0, 0.5]}),
            lambda f: read_grid(str(f)),
        ),
        ("baseline.json", COMMITTED.read_text()[:60_000], read_baseline),
        ("again.json", json.dumps({"verdict": "reproduced", "remark": "", "record": made()}), read_submission),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_mutated_files_are_read_or_refused_in_a_sentence(tmp_path: Path, name: str, text: str, read: object) -> None:
    chance = Random(name)
    for _ in range(ROUNDS):
        data = text.encode()
        for _ in range(chance.choice([1, 1, 3])):
            data = mutated(chance, data, Path(name).suffix)
        (tmp_path / name).write_bytes(data)
        try:
            read(tmp_path / name)  # type: ignore[operator]
        except BadInput as error:
            assert len(str(error).splitlines()) <= MOST_LINES
            assert len(str(error)) < 10_000


def test_fuzzed_lines_that_name_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an empty folder, and of a task that there is not: refused before anything is computed."""
    sigbench, chance = in_folder(tmp_path, monkeypatch, capsys), Random(7)
    for _ in range(ROUNDS):
        case = make_command(chance, tmp_path)
        words = ["nobody" if word in ("gmm", "gmm2d", "ou", "gbm", "mnist") else word for word in case.arguments]
        if words[0] in ("list", "doctor") or "--help" in words or "--debug" in words:
            continue
        code, out, err = sigbench(*words)
        assert code in range(5), (words, err)
        assert "Traceback" not in err + out, words
        assert len(err.splitlines()) <= MOST_LINES, words


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> object:
    place = tmp_path_factory.mktemp("fuzz")
    with Server(place, stock(place / "pantry")) as found:
        yield place / "pantry", found


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_command, make_document, make_plug_in])
def test_a_share_of_what_computes(server: tuple[Path, Server], make: Maker) -> None:
    pantry, runner = server
    wrong = []
    for number in range(25):
        found = runner.run(make(Random(f"share:{number}"), pantry))
        wrong += [f"{found.case.told}: {found.faults}, {found.err[-300:]}"] if found.faults else []
    assert wrong == []
    assert sys.getrecursionlimit() > 500

"""The pages of results are what their records say, and another record makes another page."""

import json
import re
import shutil
from pathlib import Path

import pytest

from sigbench.errors import BadInput
from sigbench.leaderboard.documents.__main__ import main
from sigbench.leaderboard.documents.pages import pages, rewritten, write
from sigbench.records.checks import digest_of
from sigbench.records.record import Record

ROOT = Path(__file__).parents[3]
RESULTS = sorted((ROOT / "docs" / "results").glob("*.md"))
DEFINED = {"0.07", "1.9", "0.9", "0.235", "0.25", "3.0"}  # constants of rough Bergomi, and a license's version


@pytest.mark.parametrize("file", list(pages(ROOT)), ids=lambda file: file.name)
def test_a_page_is_as_its_records_are(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = file.read_text()
    assert rewritten(text, file.name) == text, "run `nox -s results`"


def test_every_page_of_results_is_written_from_records() -> None:
    assert len(RESULTS) >= 7
    assert set(RESULTS) < set(pages(ROOT))


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_no_measurement_is_typed(file: Path) -> None:
    """Outside of what is written, and of commands, a page holds no decimal and no percentage."""
    text = re.sub(r"<!-- \[\[\[cog.*?\[\[\[end\]\]\] -->", "", file.read_text(), flags=re.S)
    text = re.sub(r"^```.*?^```$|`[^`]*`|\]\([^)]*\)", "", text, flags=re.S | re.M)
    assert set(re.findall(r"\d+\.\d+|\d+ %", text)) - DEFINED == set()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the README and the records that it is written from."""
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "docs").mkdir()
    records = tmp_path / "leaderboard" / "records"
    records.mkdir(parents=True)
    shutil.copy(ROOT / "leaderboard" / "records" / "gmm.jsonl", records)
    shutil.copytree(ROOT / "leaderboard" / "apart" / "rivals", tmp_path / "leaderboard" / "apart" / "rivals")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(file: Path, sampler: str, steps: int, factor: float) -> None:
    """Multiplies the W1 of a record, repeat by repeat, and seals it anew."""
    lines = []
    for line in file.read_text().splitlines():
        record: Record = json.loads(line)
        if record["sampler"] == sampler and record["steps"] == steps:
            w1 = record["metrics"]["w1"]
            w1["values"] = [factor * value for value in w1["values"]]
            low, high = w1["low"], w1["high"]
            assert low is not None
            assert high is not None
            w1["value"], w1["low"], w1["high"] = factor * w1["value"], factor * low, factor * high
            record["digest"] = digest_of(record)
        lines.append(json.dumps(record))
    file.write_text("\n".join(lines) + "\n")


def test_another_record_changes_the_table_and_the_sentence(copy: Path) -> None:
    change(copy / "leaderboard" / "records" / "gmm.jsonl", "sigdeg", 5, 100.0)
    before = (copy / "README.md").read_text()
    assert "w1 at 5 calls: sigdeg is best" in before
    assert main(["--check"]) == 1
    assert (copy / "README.md").read_text() == before
    assert main([]) == 0
    after = (copy / "README.md").read_text()
    assert "w1 at 5 calls: ipndm is best, and all others are worse." in after
    (row,) = [line for line in after.splitlines() if line.startswith("| sigdeg |")]
    assert row.split("|")[2].strip().startswith("1.1")
    assert main(["--check"]) == 0


def test_an_edited_record_is_refused_with_its_place(copy: Path) -> None:
    file = copy / "leaderboard" / "records" / "gmm.jsonl"
    file.write_text(file.read_text().replace('"steps":20', '"steps":21', 1))
    with pytest.raises(BadInput, match=r"gmm.jsonl, line \d+"):
        write(copy, check=True)


def test_a_record_that_is_not_there_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "leaderboard" / "records" / "gmm.jsonl").unlink()
    assert main([]) == 2
    assert "gmm.jsonl cannot be read" in capsys.readouterr().err

"""Studies on the page: what `gap` and `spectrum` print becomes charts and sentences, and nothing of it runs."""

import json
import re
from pathlib import Path

import pytest
from made_records import made

from sigbench.errors import BadInput
from sigbench.experiments.cell import Settings, plan_cells
from sigbench.experiments.gap import measure_gaps
from sigbench.experiments.gap_plan import GapSettings, plan_gap
from sigbench.experiments.spectrum import measure_spectra
from sigbench.leaderboard.board import Entry, boards
from sigbench.leaderboard.markdown import build_markdown
from sigbench.leaderboard.page import build_page
from sigbench.leaderboard.studies import Study, find_studies
from sigbench.records.reading import read_records

EVIL = "<script>alert(1)</script>`<script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("board")
    gaps = measure_gaps(plan_gap(GapSettings("gmm", ("sigdeg", "ddim"), (2,), samples=80)))
    (place / "gap-gmm.jsonl").write_text("".join(json.dumps(gap.as_json()) + "\n" for gap in gaps))
    cells = plan_cells(Settings("rbergomi", samples=32, repeats=2), ["ddim"], [2])
    found = [json.dumps(one.as_json()) + "\n" for one in measure_spectra(cells)]
    (place / "spectrum-rbergomi.jsonl").write_text("".join(found))
    return place


def test_each_file_becomes_a_study(folder: Path) -> None:
    gap, spectrum = find_studies(folder)
    assert (gap.task, spectrum.task) == ("gmm", "rbergomi")
    assert [what for what, _ in gap.sentences] == ["sigdeg, 2 steps", "ddim, 2 steps"]
    assert (len(gap.charts), len(spectrum.charts)) == (4, 2)
    assert gap.command == "sigbench gap --task gmm --sampler sigdeg,ddim --steps 2 --samples 80 --dtype float32 --json"
    assert spectrum.command.startswith("sigbench spectrum --task rbergomi --sampler ddim@2 --samples 32 --repeats 2")
    for study in (gap, spectrum):
        for chart in study.charts.values():
            assert chart["width"] == "container"
            assert "config" not in chart


def test_they_are_no_records_and_no_damaged_ones(folder: Path) -> None:
    reading = read_records([folder])
    assert reading.records == []
    assert reading.problems == []
    assert len(reading.others) == 2


def test_sentences_and_names_are_text_on_the_page(folder: Path) -> None:
    (honest, _) = find_studies(folder)
    hostile = Study("gmm", EVIL, EVIL, ((EVIL, EVIL),), ((EVIL, "#000"),), {EVIL: {"mark": EVIL}}, EVIL)
    page = build_page({"gmm": []}, titles={}, claims={}, pictures=[], studies=[honest, hostile])
    assert EVIL not in page
    assert page.count('class="study"') == 2
    assert 'id="study-0-3"' in page
    markdown = build_markdown(boards([Entry(made("a", 5))]), titles={}, claims={}, studies=[honest, hostile])
    assert "<script>" not in re.sub(r"`[^`]*`", "", markdown)
    assert "Where the error comes from" in markdown
    assert markdown.count("\\<script\\>") == 8


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"kind": "gap"}\n', '{"status": "ok"}\n', "\x00"])
@pytest.mark.parametrize("name", ["gap-gmm.jsonl", "spectrum-mnist.jsonl"])
def test_files_that_are_no_studies_are_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=name):
        find_studies(tmp_path)

"""The page and the Markdown table as text: self-contained, the same for the same records, and safe."""

import base64
import json
import re
import zlib
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made, metric, metric_of

from sigbench.leaderboard.board import Board, Entry, boards
from sigbench.leaderboard.claims import Answer
from sigbench.leaderboard.markdown import build_markdown, escaped
from sigbench.leaderboard.overview import SELECTION, blocks
from sigbench.leaderboard.page.build import build_page, newest_date, packed
from sigbench.leaderboard.page.pictures import Picture, find_pictures
from sigbench.leaderboard.sections import find_sections
from sigbench.leaderboard.summary import summaries
from sigbench.records.family import budget_sentence
from sigbench.report.marks import LEGEND

COMMITTED = Path(__file__).parents[2] / "leaderboard"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def some_boards() -> dict[str, list[Board]]:
    records = [made("ddim", n) for n in (2, 5)] + [made(EVIL, 5, grid=EVIL, note=EVIL)]
    records += [made("broken", 5, status="failed", error=EVIL), made("heun", 5, {"w1": metric(0.2, None)}, repeats=1)]
    return boards(Entry(record) for record in records)


def page(found: dict[str, list[Board]] | None = None, **options: object) -> str:
    settings = {"titles": {}, "claims": {}, "pictures": [], **options}
    return build_page(some_boards() if found is None else found, **settings)  # type: ignore[arg-type]


class Elements(HTMLParser):
    """Collects the elements of a page, and the texts of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def data_of(text: str) -> Any:
    """What the page's script reads."""
    return json.loads(zlib.decompress(base64.b64decode(Elements(text).scripts[0])))


def test_markup_in_records_adds_no_element() -> None:
    text = page()
    tags = [tag for tag, _ in Elements(text).found]
    assert tags.count("script") == 3
    assert tags.count("img") == 0
    assert EVIL not in text
    assert EVIL in json.dumps(data_of(text))


def test_nothing_is_loaded_from_elsewhere() -> None:
    elements = Elements(page(claims={"gmm": [Answer("w", "s", "https://example.org", "v", "a", "")]}))
    for tag, attributes in elements.found:
        for name in ("src", "srcset", "data", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
    policy = next(a["content"] for t, a in elements.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_claims_and_titles_are_text_too() -> None:
    answer = Answer(EVIL, EVIL, "https://example.org", EVIL, EVIL, EVIL)
    tags = [tag for tag, _ in Elements(page(claims={"gmm": [answer]}, titles={"gmm": EVIL}, footer=EVIL)).found]
    assert tags.count("script") == 3
    assert tags.count("img") == 0


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "&lt;", "\u2028", "]]>", '"\\'])
def test_packed_text_comes_back_and_holds_no_markup(text: str) -> None:
    found = packed(text.encode())
    assert zlib.decompress(base64.b64decode(found)).decode() == text
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", found)


def test_marks_and_ranks_of_the_page_are_those_of_the_blocks() -> None:
    records = [
        made(f"s{i}", 5, {"w1": metric_of([0.1 + 0.01 * i + x for x in (0, 0.01, 0.02 * i)], 0.01)}) for i in range(6)
    ]
    records += [made("s0", 10), made("few", 5, {"w1": metric(0.1, 0.01, repeats=2)})]
    found = boards([*map(Entry, records), Entry(made("theirs", 5, seed=0), "reported")])
    (board,), data = found["gmm"], data_of(page(found))
    (shown,) = data["tasks"][0]["boards"]
    names, reasons = [name for name, _ in data["marks"]], data["reasons"]
    for block, (calls, rows) in zip(blocks(board, "w1"), shown["blocks"]["w1"], strict=True):
        assert calls == block.calls
        for row, (place, *said) in zip(block.rows, rows, strict=True):
            assert shown["cells"][place]["k"] == row.entry.record["key"]
            if row.ranked is None:
                assert [reasons[said[0]]] == [row.reason]
            else:
                assert (names[said[0]], said[1], said[2]) == (row.ranked.mark, row.ranked.first, row.ranked.last)
    assert {"equivalent", "not resolved", "worse"} & {
        names[row[1]] for row in shown["blocks"]["w1"][0][1] if len(row) > 2
    }


def test_the_script_of_the_page_decides_nothing() -> None:
    """It has no word of tests, p-values or intervals that overlap: what it shows was decided before."""
    (script,) = [text for text in Elements(page()).scripts if "drawMatrix" in text]
    assert not re.search(r"\branks\(|outcome|overlap|atFloor", script)


def test_the_overview_says_who_wins_what_this_is_and_how_to_hand_in() -> None:
    records = [made("a", 5, {"w1": metric(0.1, 0.001)}), made("b", 5, {"w1": metric(0.3, 0.001)})]
    records += [made("teacher (a)", 300, task="mnist"), made("b", 5, {"w1": metric(0.4, 0.001)}, grid="karras")]
    found = boards(map(Entry, records))
    text = unescape(re.sub(r"<[^>]+>", "", page(found).partition("<footer")[0]))
    for summary in summaries(found, {}):
        for sentence in summary.sentences:
            assert sentence in text
    assert "w1 at 5 calls: a is best" in text
    assert "teacher (a) reaches w1" in text
    assert SELECTION in text
    assert "never ranked together" in text
    for command in ("sigbench run --task", "leaderboard add mine.jsonl", "leaderboard verify KEY", "leaderboard build"):
        assert command in text


def test_the_legend_stands_on_the_page_on_two_lines() -> None:
    text = unescape(page())
    first, second = (line.replace("   ", " · ") for line in LEGEND.splitlines())
    assert f"{first}<br>{second}" in text


@pytest.mark.slow
def test_a_page_of_as_many_records_as_are_committed_is_small() -> None:
    """Each with the nine metrics of a task, beside all committed studies and pictures."""
    chance = np.random.default_rng(0)
    names = ("w1", "w2", "ks", "mode-tv", "mean-error", "var-error", "lost-variance", "mmd2", "fcd")
    records = [
        made(
            f"sampler-{i % 18}",
            2 + i // 18 % 8,
            {name: metric(float(size := chance.uniform(0.01, 1)), 0.1 * size) for name in names},
            task=task,
            grid=f"grid-{i // 144}",
        )
        for task in ("gbm", "gmm", "gmm2d", "mnist", "ou", "rbergomi")
        for i in range(100)
    ]
    sections = find_sections(COMMITTED / "studies", outdated=lambda sentence: None)
    text = page(boards(map(Entry, records)), pictures=find_pictures(COMMITTED), sections=sections)
    assert len(records) > 566
    assert len(text.encode()) < 1_500_000


def test_the_same_records_give_the_same_page() -> None:
    assert page() == page()


def test_pictures_lie_in_the_page_of_their_task(tmp_path: Path) -> None:
    for name in ("strip.png", "smile.png"):
        (tmp_path / name).write_bytes(name.encode())
    pictures = [Picture("mnist", "t", tmp_path / "strip.png"), Picture("other", "t", tmp_path / "none.png")]
    text = page(boards([Entry(made(task="mnist"))]), pictures=pictures)
    assert "data:image/png;base64,c3RyaXAucG5n" in text


def test_no_records_make_a_page_that_says_so() -> None:
    assert "There are no records yet" in page({})


def test_the_newest_day() -> None:
    records = [made(), made(steps=6)]
    records[0]["provenance"]["date"] = "2027-05-06T00:00:00"
    records[1]["provenance"]["date"] = "yesterday"
    assert newest_date(boards(Entry(record) for record in records)) == "2027-05-06"


def test_the_markdown_table_has_blocks_with_marks_and_ranks() -> None:
    rows = [
        made("a", 5, {"w1": metric_of([0.0099, 0.0101, 0.01, 0.0102, 0.0098], 0.01)}),
        made("b", 5, {"w1": metric_of([0.0103, 0.0105, 0.0104, 0.0106, 0.0102], 0.01)}),
        made("c", 5, {"w1": metric(0.3, 0.01)}),
        made("a", 10, {"w1": metric(0.001, 0.0001)}),
        made("d", 5, status="diverged"),
        made("c", 5, {"w1": metric(0.4, 0.01)}, grid="karras"),
    ]
    found = boards([*map(Entry, rows), Entry(made("e", 5, {"w1": metric(0.2, 0.01)}), "reported")])
    text = build_markdown(found, titles={"gmm": "A mixture"}, claims={})
    table = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[:4] for line in table] == [
        ["| **5**", "a", "★=", "1"],
        ["| 5", "b", "≈=", "2"],
        ["| 5", "c", "", "3"],
        ["| 5", "e", "", "–"],
        ["| **10**", "a", "!", "–"],
        ["| –", "d", "", "–"],
    ]
    assert "0.0100 \\[" in table[0]
    assert "diverged" in table[5]
    assert "A mixture. 1,000 samples × 5 repeats, seed 0, task version 1. Floor of w1: 0.0100 \\[" in text
    assert f"- {escaped(budget_sentence(rows[:3], 'w1'))}" in text
    assert escaped(SELECTION) in text
    legend = [escaped(line.replace("   ", " · ")) for line in LEGEND.splitlines()]
    assert "  \n".join(legend) in text


def test_markdown_of_a_name_is_one_line_of_text() -> None:
    text = escaped("a|b\n<img src=x> [x](javascript:1) `c`")
    assert "\n" not in text
    for character in "|<>[]`":
        assert re.search(rf"(?<!\\){re.escape(character)}", text) is None

"""What the page shows first, in a browser: the overview, the samplers by calls with their marks, and one block."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from made_records import made, metric_of

from sigbench.leaderboard.board import Board, Entry
from sigbench.leaderboard.overview import STANDARD_CALLS, blocks, calls_of
from sigbench.leaderboard.summary import summaries
from sigbench.report.marks import floor_mark

Visiting = Callable[..., Any]


def w1(*values: float) -> dict[str, Any]:
    return {"w1": metric_of(list(values), 0.01)}


def test_the_overview_stands_first_and_leads_to_the_tasks(
    visiting: Visiting, board_page: Path, made_boards: dict[str, list[Board]]
) -> None:
    page = (visit := visiting(board_page)).page
    assert page.locator("#tabs [role=tab]").all_inner_texts()[:4] == ["Overview", "gmm", "gmm2d", "mnist"]
    assert page.locator("#overview").is_visible()
    assert not page.locator("#panel").is_visible()
    text = page.inner_text("#overview")
    for summary in summaries(made_boards, {}):
        for sentence in (*summary.sentences, summary.teacher, summary.missing):
            assert sentence in text.replace("\n", " ")
    visit.shoot("overview.png")
    page.click("#overview a:has-text('gmm') >> nth=0")
    assert page.url.endswith("#gmm")
    assert page.inner_text("h1 >> visible=true") == "A Gaussian mixture"
    page.click(".brand")
    assert page.locator("#overview").is_visible()


def test_without_a_script_the_overview_is_there(browser: Any, board_page: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(board_page.as_uri())
    assert "is best" in page.inner_text("#overview")
    assert "README.md" in page.inner_text("noscript") or page.locator("a[href='README.md']").count() >= 1
    context.close()


def test_samplers_by_calls_have_the_marks_and_ranks_of_the_blocks(
    visiting: Visiting, board_page: Path, made_boards: dict[str, list[Board]]
) -> None:
    page = (visit := visiting(board_page, "#gmm")).page
    (board, *_) = made_boards["gmm"]
    calls = [int(text.split()[0]) for text in page.locator("#matrix thead th").all_inner_texts()[1:]]
    assert calls == calls_of(board)
    assert set(calls) >= set(STANDARD_CALLS)
    names = visit.column("th", "matrix")
    assert sorted(names) == sorted(
        {*(e.record["sampler"] for e in board.entries if e.record["role"] != "teacher"), "teacher (euler-maruyama)"}
    )
    cells = page.locator("#matrix tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].slice(1).map((cell) => cell.innerText))"
    )
    shown = {
        (name, n): text.split("\n")
        for name, row in zip(names, cells, strict=True)
        for n, text in zip(calls, row, strict=True)
        if text
    }
    expected = {}
    for block in blocks(board, "w1"):
        for row in block.rows:
            assert row.metric is not None
            name = "teacher (euler-maruyama)" if row.entry.record["role"] == "teacher" else row.entry.record["sampler"]
            expected[name, block.calls] = (row.mark + floor_mark(row.metric), row.ranks)
    found = {at: (text[0].lstrip("0123456789.,e-"), text[1]) for at, text in shown.items()}
    assert found == expected
    assert {"★", "≈", "=", ""} <= {sign for mark, _ in found.values() for sign in (*mark, mark)}
    visit.shoot("by-calls.png")


def test_a_number_of_calls_sorts_by_its_estimates_and_shows_its_block(
    visiting: Visiting, board_page: Path, made_boards: dict[str, list[Board]]
) -> None:
    page = (visit := visiting(board_page, "#gmm")).page
    (board, *_) = made_boards["gmm"]
    for calls in (5, 10, 40):
        page.click(f"#matrix [data-calls='{calls}']")
        (block,) = [block for block in blocks(board, "w1") if block.calls == calls]
        keys = page.locator("#block tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.key)")
        assert keys == [row.entry.record["key"] for row in block.rows]
        assert visit.column("td.ranks", "block") == [row.ranks for row in block.rows]
        values = [float(text.split("[")[0]) for text in visit.column("td.value", "block")]
        assert values == sorted(values)
        order = visit.column("th", "matrix")
        assert order[: len(keys)] == [row.entry.record["sampler"] for row in block.rows]
        assert page.inner_text("#block-sentence") == block.sentence
        assert page.locator("#matrix thead th[aria-sort=ascending]").inner_text().startswith(str(calls))
    assert page.locator("#calls").input_value() == "40"
    page.select_option("#calls", "10")
    assert page.inner_text("#block-sentence").startswith("w1 at 10 calls:")


def test_what_the_first_view_says_stands_on_it(visiting: Visiting, board_page: Path) -> None:
    page = visiting(board_page, "#gmm").page
    text = page.inner_text("#panel")
    for words in (
        "★ best of its calls",
        "! below it: look for copies",
        "chosen by looking at the numbers shown",
        "one number of calls",
    ):
        assert words in text
    assert page.locator("#sentences li").count() >= 3
    assert not page.locator("#cells").is_visible()  # the long table stays behind its tab
    page.select_option("#metric", "ks")
    assert page.locator("#sentences li").count() == 0  # sentences are on the headline metric
    assert page.inner_text("#block th.num >> nth=1") == "ks [95 %]"


def test_what_is_not_compared_says_why_and_what_has_no_calls_stands_apart(
    visiting: Visiting, page_of: Callable[..., Path]
) -> None:
    file = page_of(
        made("a", 5, w1(0.2, 0.21, 0.22)),
        made("b", 5, w1(0.3, 0.31, 0.32)),
        made("few", 5, w1(0.1, 0.11)),
        Entry(made("theirs", 5, w1(0.01, 0.02, 0.03)), "reported"),
        made("none", 5, w1(0.01, 0.02, 0.03), nfe=0),
        made("lost", 5, status="diverged"),
    )
    page = (visit := visiting(file, "#gmm")).page
    assert visit.column("td.ranks", "block") == ["–", "1", "2", "–"]
    names = visit.column("td.name", "block")
    assert [name.split()[0] for name in names] == ["few", "a", "b", "theirs"]
    assert "2 repeats, the others 3" in names[0]
    assert "reported" in names[3] and "not reproduced" in names[3]
    assert (
        page.inner_text("#outside")
        == "Not in these tables: none at 5 steps (no network calls); lost at 5 steps (diverged)."
    )
    assert "none" not in page.inner_text("#matrix")


def test_the_address_remembers_task_and_view(visiting: Visiting, board_page: Path) -> None:
    page = (visit := visiting(board_page, "#mnist/cells")).page
    assert page.locator("#cells").is_visible()
    page.click("#views [data-view=calls]")
    assert page.url.endswith("#mnist")
    page.click("#views [data-view=curves]")
    assert page.url.endswith("#mnist/curves")
    visit.wait_for_charts()
    page.evaluate("location.hash = '#gmm2d'")
    page.wait_for_function("document.querySelector('#tab-1').getAttribute('aria-selected') === 'true'")
    assert page.locator("#matrix").is_visible()
    page.keyboard.press("Tab")
    page.focus("#views [data-view=calls]")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#cells").is_visible()

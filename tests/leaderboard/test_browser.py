"""The page in a browser beyond its first view: curves, studies, all cells, and markup that never runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric, metric_of

from sigbench.leaderboard.board import Entry
from sigbench.leaderboard.sections import Section
from sigbench.report.palette import Curve

Visiting = Callable[..., Any]
PageOf = Callable[..., Path]
EVIL = '<img src=x onerror="window.ran=1"><script>window.ran=1</script></script><svg onload=window.ran=1>'


def test_all_cells_sort_filter_and_have_details(visiting: Visiting, board_page: Path) -> None:
    page = (visit := visiting(board_page, "#gmm/cells")).page
    visit.shoot("cells.png")

    def values() -> list[float]:
        return [float(text.split("[")[0]) for text in visit.column("td:nth-child(5)")]

    def names() -> set[str]:
        return {text.split("\n")[0] for text in visit.column(".name")}

    calls = [int(text) for text in visit.column("td:nth-child(4)")]
    assert calls == sorted(calls)
    assert len(calls) == 22
    page.click("#cells [data-sort=value]")
    by_value = values()
    assert by_value == sorted(by_value)
    page.click("#cells [data-sort=value]")
    assert values() == by_value[::-1]
    assert page.locator("#cells th[aria-sort=descending]").count() == 1
    heads = page.locator("#cells thead th").all_inner_texts()
    assert not any("rank" in text.lower() for text in heads)  # an order over all calls is no ranking
    assert "at the floor" in page.inner_text("#cells")

    page.select_option("#budget", "10")
    assert max(int(text) for text in visit.column("td:nth-child(4)")) <= 10
    page.select_option("#budget", "")
    page.select_option("#trained", "yes")
    assert names() == {"sigdeg"}
    page.select_option("#trained", "")
    page.click("#families button:has-text('ode')")
    assert names().isdisjoint({"ddim", "heun"})
    page.click("#families button:has-text('ode')")
    page.fill("#find", "shark")
    assert names() == {"shark"}
    page.fill("#find", "no such thing")
    assert "No cell fits" in page.inner_text("#cells")
    page.fill("#find", "")

    page.locator("#cells tr.row:has-text('sigdeg') .name button").first.click()
    detail = page.inner_text("#cells tr.detail")
    for text in (
        "sigbench run --task gmm --sampler",
        "AMD EPYC",
        "torch 2.13.0",
        "SHA-256",
        "All metrics",
        "floor [95 %]",
    ):
        assert text in detail


def test_grids_of_the_long_table(visiting: Visiting, board_page: Path) -> None:
    page = (visit := visiting(board_page, "#mnist/cells")).page
    few = len(visit.column(".name"))
    page.select_option("#grid", "")
    assert len(visit.column(".name")) == 2 * (few - 1) + 1  # of each sampler both grids, and the teacher
    page.select_option("#grid", "karras")
    assert set(visit.column("td:nth-child(2)")) == {"karras"}


def test_curves_stand_in_a_panel_for_each_family(visiting: Visiting, board_page: Path) -> None:
    page = (visit := visiting(board_page, "#gmm/curves")).page
    page.wait_for_selector("#quality-2 svg")
    assert page.locator("#quality h3").all_inner_texts() == ["ode", "sde", "student"]
    assert "milstein has the values of euler-maruyama" in page.inner_text("#folded")
    lines = [page.locator(f"#quality-{panel} svg g.mark-line path[stroke-width='1.8']").count() for panel in range(3)]
    assert lines == [2, 3, 1]  # milstein is folded into euler-maruyama
    assert "Dotted: teacher (euler-maruyama), 300 calls." in page.inner_text("#panel")
    assert "floor: exact draws of the truth" in page.inner_text("#quality-0")
    assert page.locator("#pareto svg .mark-line path").count() == 1
    visit.shoot("curves.png")


def test_a_name_hides_and_shows_its_sampler_and_a_twin(visiting: Visiting, board_page: Path) -> None:
    page = visiting(board_page, "#gmm/curves").page
    count = "document.querySelectorAll('#{} svg .mark-symbol path').length === {}"
    page.wait_for_function(count.format("pareto", 2 * 19))  # a point that is seen, and a larger one for the pointer
    assert page.locator("#legend button[aria-pressed=false]").all_inner_texts() == ["milstein"]
    page.click("#legend button:has-text('ddim')")
    page.wait_for_function(count.format("pareto", 2 * 16))
    page.click("#legend button:has-text('milstein')")
    page.wait_for_function(count.format("pareto", 2 * 19))
    page.click("#legend button:has-text('ddim')")
    page.wait_for_function(count.format("pareto", 2 * 22))


def test_no_panel_shows_more_curves_at_first_than_can_be_told_apart(visiting: Visiting, page_of: PageOf) -> None:
    records = [
        made(
            f"s{i:02}", steps, {"w1": metric_of([(1 + 0.1 * i) / steps, (1.1 + 0.11 * i) / steps], 0.01)}, family="sde"
        )
        for i in range(18)
        for steps in (5, 10)
    ]
    page = visiting(page_of(*records), "#gmm/curves").page
    page.wait_for_function(
        "document.querySelectorAll('#quality-0 svg g.mark-line path[stroke-width=\"1.8\"]').length === 8"
    )
    shown = page.locator("#legend button[aria-pressed=true]").all_inner_texts()
    assert shown == [f"s{i:02}" for i in range(8)]
    assert "as a family shows its best eight: s08, s09" in page.inner_text("#behind")


def test_hovering_tells_everything_about_a_cell(visiting: Visiting, board_page: Path) -> None:
    page = (visit := visiting(board_page, "#gmm/curves")).page
    page.wait_for_selector("#quality-2 svg")
    for chart in ("quality-0", "pareto"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        page.locator(f"#{chart} svg .mark-symbol path[opacity='0']").last.hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        text = page.inner_text("#vg-tooltip-element")
        for name in ("sampler", "grid", "NFE", "value [95 %]", "floor [95 %]", "time a sample", "machine", "key"):
            assert name in text, chart
        assert "undefined" not in text
        assert "AMD EPYC, 2 threads, float32" in text
        visit.shoot(f"hover-{chart}.png")
        page.mouse.move(5, 5)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_studies_are_drawn_on_their_task_alone(visiting: Visiting, page_of: PageOf, width: int, scheme: str) -> None:
    """As wide as the page, on a phone too; what a study holds is text."""
    line: dict[str, Any] = {
        "data": {"values": [{"a": 1, "b": 2}, {"a": 2, "b": 5}]},
        "mark": "line",
        "width": "container",
        "height": 200,
        "encoding": {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "quantitative"}},
    }
    study = Section(
        "gmm", EVIL, EVIL, ((EVIL, EVIL),), (Curve(EVIL, "#4c78a8", "circle", (1, 0)),), {"one": line, EVIL: line}, EVIL
    )
    file = page_of(made("a", 5), made("b", 5, task="other"), sections=[study])
    page = (visit := visiting(file, "#gmm/studies", width=width, scheme=scheme)).page
    page.wait_for_selector("#study-0-1 svg")
    for place in ("#study-0-0", "#study-0-1"):
        drawn, room = (page.locator(f"{place}{part}").bounding_box()["width"] for part in (" svg", ""))
        assert 0.9 * room <= drawn <= room + 1
    assert page.locator("#study-0-0 svg .mark-line path").get_attribute("d").count("L") == 1  # both points arrived
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.ran") is None
    assert "<img src=x" in page.inner_text("section.study")
    visit.shoot(f"studies-{scheme}.png")
    page.click("#tab-1")
    assert page.locator("section.study:visible").count() == 0
    assert page.locator("#matrix").is_visible()  # a task without studies has no such view
    assert not page.locator("[data-view=studies]").is_visible()


def test_a_task_of_studies_alone_shows_them(visiting: Visiting, board_page: Path) -> None:
    page = visiting(board_page, "#ou").page
    assert page.locator("section.study:visible").count() == 1
    assert page.locator("#views [role=tab]:visible").all_inner_texts() == ["Studies"]
    page.click("#tab-0")
    assert page.locator("#views [role=tab]:visible").count() == 4


def test_pictures_and_claims_stand_with_the_studies_of_their_task(visiting: Visiting, board_page: Path) -> None:
    page = visiting(board_page, "#mnist/studies").page
    assert page.locator("section.picture:visible img").count() == 1
    assert page.evaluate("document.querySelector('section.picture:not([hidden]) img').naturalWidth") > 100
    assert page.locator("section.claims:visible .claimed").count() >= 2


@pytest.mark.slow
def test_markup_in_records_is_shown_and_never_run(visiting: Visiting, page_of: PageOf) -> None:
    records = [
        made(EVIL, 5, {EVIL: metric(0.2, 0.01, method=EVIL)}, grid=EVIL, note=EVIL, family=EVIL),
        made(EVIL, 10, {EVIL: metric(0.1, 0.01, method=EVIL)}, grid=EVIL, family="sde"),
        made("broken", 5, status="failed", error=EVIL, grid=EVIL),
        made("constructor", 10, {EVIL: metric(0.05, 0.01, method=EVIL)}, grid=EVIL, family="constructor"),
    ]
    for record in records:
        record["provenance"].update(device_name=EVIL, platform=EVIL, artifacts={EVIL: EVIL}, packages={EVIL: EVIL})
    entries = [Entry(records[0], "reported", EVIL), *map(Entry, records[1:])]
    page = (visit := visiting(page_of(*entries, titles={"gmm": EVIL}))).page
    assert "<img src=x" in page.inner_text("#overview")
    page.click("#tab-0")
    for part in ("#title", "#matrix", "#block", "#sentences", "#block-sentence"):
        assert "<img src=x" in page.inner_text(part), part
    page.click("[data-view=cells]")
    for row in range(4):
        page.locator("#cells tr.row .name button").nth(row).click()
    assert "<img src=x" in page.inner_text("#cells")
    assert "failed" in page.inner_text("#cells")
    assert "reported" in page.inner_text("#cells")
    visit.shoot("evil.png")
    page.click("[data-view=curves]")
    visit.wait_for_charts()
    for part in ("#legend", "#reached", "#quality"):
        assert "<img src=x" in page.inner_text(part), part
    page.locator("#pareto svg .mark-symbol path[opacity='0']").last.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "<img src=x" in page.inner_text("#vg-tooltip-element")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_failed_cells_and_those_without_interval_are_shown_as_such(visiting: Visiting, page_of: PageOf) -> None:
    file = page_of(
        made("good", 5),
        made("lost", 5, status="diverged", error="7 of 9 samples are not finite."),
        made("once", 5, {"w1": metric(0.2, None)}),
    )
    page = visiting(file, "#gmm/cells").page
    text = page.inner_text("#cells")
    assert "diverged" in text
    assert "0.2000[?]" in text.replace("\n", "").replace(" ", "")
    page.click("#cells tr.row:has-text('lost') .name button")
    assert "7 of 9 samples are not finite." in page.inner_text("#cells tr.detail")


def test_the_calls_for_a_quality_are_read_between_the_points(visiting: Visiting, page_of: PageOf) -> None:
    """W1 = 1/NFE within −12.5 and +20 %: a quality of 0.05 takes 20 calls, between 17.5 and 24."""
    records = [made("a", n, {"w1": metric(1 / n, 0.2 / n)}) for n in (5, 10, 40)]
    records += [made("b", 5, {"w1": metric(0.001, 0.0001)}), made("c", 5, {"w1": metric(9.0, 1.0)})]
    page = visiting(page_of(*records), "#gmm/curves").page
    page.fill("#reach", "0.05")
    rows = [text.split() for text in page.locator("#reached tbody tr").all_inner_texts()]
    assert [row[0] for row in rows] == ["b", "a", "c"]
    assert rows[0][2:] == ["≤", "5", "[≤", "5,", "≤", "5]"]
    assert rows[1][2:] == ["20", "[17.5,", "24]"]
    assert rows[2][2:] == [">", "5", "[>", "5,", ">", "5]"]
    page.fill("#reach", "0.0100")
    assert page.locator("#reach-note").is_visible()


def test_the_front_joins_what_nothing_beats_in_time_and_quality(visiting: Visiting, page_of: PageOf) -> None:
    page = visiting(page_of(made("a", 5), made("b", 9))).page
    points = [(1, 0.5), (2, 0.6), (3, 0.2), (3, 0.4), (4, 0.2), (5, 0.1)]
    rows = [{"seconds": seconds, "value": value} for seconds, value in points]
    front = page.evaluate("rows => measures.front(rows, 'lower')", rows)
    assert [(p["seconds"], p["value"]) for p in front] == [(1, 0.5), (3, 0.2), (5, 0.1)]
    front = page.evaluate("rows => measures.front(rows, 'higher')", rows)
    assert [(p["seconds"], p["value"]) for p in front] == [(1, 0.5), (2, 0.6)]


@pytest.mark.slow
def test_a_board_of_many_cells_stays_usable(visiting: Visiting, page_of: PageOf) -> None:
    records = [made(f"s{i % 15}", 2 + i // 15, {"w1": metric(1 / (2 + i), 0.01 / (2 + i))}) for i in range(900)]
    page = visiting(page_of(*records), "#gmm/cells").page
    assert page.locator("#cells tr.row").count() == 150
    page.click("#more")
    assert page.locator("#cells tr.row").count() == 900

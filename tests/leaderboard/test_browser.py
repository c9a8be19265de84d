"""The page in a real browser, from disk, without a network. Screenshots go to $SIGBENCH_SCREENSHOTS, if it is set."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made, metric

from sigbench.leaderboard.board import Entry, boards, ranks
from sigbench.leaderboard.claims import answers, read_claims
from sigbench.leaderboard.page import build_page, find_pictures
from sigbench.leaderboard.sections import Section, find_sections
from sigbench.records.record import Record
from sigbench.report.palette import Curve

sync_api = pytest.importorskip("playwright.sync_api", reason="browser: playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="browser: there is no chromium here (apt-get install chromium)"
)

COMMITTED = Path(__file__).parents[2] / "leaderboard"
EVIL = '<img src=x onerror="window.ran=1"><script>window.ran=1</script></script><svg onload=window.ran=1>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def shoot(page: Any, name: str) -> None:
    """Takes a picture of the whole page for people to look at, where they asked for it."""
    if folder := os.environ.get("SIGBENCH_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / name, full_page=True)


SAMPLERS = {
    "sigdeg": ("student", 0.0099, 1.0),
    "euler-maruyama": ("sde", 0.9, 1.5),
    "milstein": ("sde", 0.93, 1.5),
    "ddim": ("ode", 0.7, 1.2),
    "heun": ("ode", 0.4, 1.9),
    "shark": ("sde", 0.3, 2.1),
    "sra1": ("sde", 0.33, 2.0),
}


def board_records() -> list[Record]:
    """Records of three tasks: seven samplers at three step counts, the teacher, and grids of images."""
    found = []
    for task, headline in (("gmm", "w1"), ("gmm2d", "sliced-w2"), ("mnist", "fcd")):
        for name, (family, size, order) in SAMPLERS.items():
            for steps in (5, 10, 20):
                value = size if family == "student" else 0.01 + size * (2 / steps) ** order
                scores = {headline: metric(value, 0.04 * value), "ks": metric(value / 3, 0.1 * value / 3, floor=0.004)}
                for grid, power in (("quadratic", 2), ("karras", 7)) if task == "mnist" else (("quadratic", 2),):
                    times = [(i / steps) ** power for i in range(steps + 1)]
                    seconds = 1e-6 * steps * (20 if family == "student" else 1)
                    record = made(
                        name, steps, scores, task=task, family=family, seconds=seconds, grid=grid, times=times
                    )
                    found.append(record)
        teacher = {headline: metric(0.0101, 0.0004), "ks": metric(0.004, 0.0004, floor=0.004)}
        found.append(made("teacher (euler-maruyama)", 300, teacher, task=task, family="sde", seconds=3e-4))
    for record in found:
        record["provenance"].update(device_name="AMD EPYC", threads=2)
        if record["sampler"] == "sigdeg" and record["timing"] is not None:
            record["timing"]["training_s"] = 60.0
            record["provenance"]["artifacts"] = {"sigdeg": "ab" * 32}
    return found


@pytest.fixture(scope="module")
def board_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with claims, pictures and studies."""
    found = boards(map(Entry, board_records()))
    html = build_page(
        found,
        titles={"gmm": "A Gaussian mixture"},
        claims=answers(read_claims(COMMITTED / "claims.toml"), found),
        pictures=find_pictures(COMMITTED),
        sections=find_sections(COMMITTED / "studies", outdated=lambda sentence: None),
    )
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(html)
    return file


class Visit:
    """A page that is open, with all that it said on the console and all that it asked for."""

    def __init__(
        self, browser: Any, file: Path, *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("#quality svg")
        self.page.wait_for_selector("#pareto svg")

    def column(self, selector: str) -> list[str]:
        """The texts of a column of the table."""
        return [text.strip() for text in self.page.locator(f"#cells tr.row {selector}").all_inner_texts()]

    def close(self) -> None:
        """Leaves the page; it must have said nothing, and asked for nothing but itself."""
        self.is_quiet()
        self.context.close()

    def is_quiet(self) -> None:
        assert self.console == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] == []
        assert len([url for url in self.requests if url.startswith("file:")]) == 1


@pytest.fixture(scope="module")
def opened(browser: Any, board_page: Path) -> Iterator[Visit]:
    """The page, opened once for all tests that leave it as they found it."""
    visit = Visit(browser, board_page)
    yield visit
    visit.close()


def test_tabs_sort_filter_and_details(browser: Any, board_page: Path) -> None:
    visit = Visit(browser, board_page)
    page = visit.page
    assert page.locator("nav [role=tab]").all_inner_texts() == ["gmm", "gmm2d", "mnist"]
    assert page.locator("h1").inner_text() == "A Gaussian mixture"
    shoot(page, "light.png")

    values = visit.column("td:nth-child(6)")
    page.click("#cells [data-sort=value]")
    by_value = [float(text.split("[")[0]) for text in visit.column("td:nth-child(6)")]
    assert by_value == sorted(by_value)
    assert len(values) == len(by_value) == 22
    page.click("#cells [data-sort=value]")
    assert [float(text.split("[")[0]) for text in visit.column("td:nth-child(6)")] == by_value[::-1]
    assert page.locator("#cells th[aria-sort=descending]").count() == 1

    page.select_option("#budget", "10")
    assert max(int(text) for text in visit.column("td:nth-child(5)")) <= 10
    page.select_option("#budget", "")
    page.select_option("#trained", "yes")
    assert {text.split("\n")[0] for text in visit.column(".name")} == {"sigdeg"}
    page.select_option("#trained", "")
    page.click("#families button:has-text('ode')")
    assert {text.split("\n")[0] for text in visit.column(".name")}.isdisjoint({"ddim", "heun"})
    page.click("#families button:has-text('ode')")
    page.fill("#find", "shark")
    assert {text.split("\n")[0] for text in visit.column(".name")} == {"shark"}
    page.fill("#find", "no such thing")
    assert "No cell fits" in page.inner_text("#cells")
    page.fill("#find", "")

    page.locator("#cells tr.row:has-text('sigdeg') .name button").first.click()
    detail = page.inner_text("#cells tr.detail")
    for text in ("sigbench run --task gmm --sampler", "AMD EPYC", "torch 2.13.0", "SHA-256", "All metrics"):
        assert text in detail
    page.click("nav [role=tab]:has-text('mnist')")
    assert page.url.endswith("#mnist")
    assert page.locator("section.picture:visible img").count() == 1
    assert page.evaluate("document.querySelector('section.picture:not([hidden]) img').naturalWidth") > 100
    assert page.locator("section.claims:visible .claimed").count() >= 2
    page.wait_for_selector("#quality svg")
    shoot(page, "mnist.png")
    visit.close()


def test_ranks_of_the_page_are_those_of_the_terminal(opened: Visit) -> None:
    board = boards(map(Entry, board_records()))["gmm"][0]
    expected = {e.record["key"]: rank for e, rank in zip(board.entries, ranks(board, board.entries, "w1"), strict=True)}
    rows = opened.page.locator("#cells tr.row")
    keys = rows.evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert dict(zip(keys, [int(t.lstrip("=")) for t in opened.column(".rank")], strict=True)) == expected
    opened.is_quiet()


def test_the_legend_hides_a_sampler_on_both_charts(opened: Visit) -> None:
    page = opened.page
    marks = "#{} svg .mark-symbol path"

    def counts() -> list[int]:
        return [page.locator(marks.format(chart)).count() for chart in ("quality", "pareto")]

    full = counts()
    assert full == [44, 44]  # a point that is seen, and a larger one that catches the pointer
    page.click("#legend button:has-text('ddim')")
    page.wait_for_function("document.querySelectorAll('#pareto svg .mark-symbol path').length === 38")
    page.wait_for_function("document.querySelectorAll('#quality svg .mark-symbol path').length === 38")
    assert page.locator("#legend button[aria-pressed=false]").count() == 1
    page.click("#legend button:has-text('ddim')")
    page.wait_for_function("document.querySelectorAll('#quality svg .mark-symbol path').length === 44")
    opened.is_quiet()


def test_hovering_tells_everything_about_a_cell(opened: Visit) -> None:
    page = opened.page
    for chart in ("quality", "pareto"):
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        page.locator(f"#{chart} svg .mark-symbol path").first.hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        text = page.inner_text("#vg-tooltip-element")
        for name in ("sampler", "grid", "NFE", "value [95 %]", "floor [95 %]", "time a sample", "machine", "key"):
            assert name in text, chart
        assert "undefined" not in text
        assert any(name in text for name in ("sigdeg", "teacher (euler-maruyama)", "ddim"))
        assert "AMD EPYC, 2 threads, float32" in text
        shoot(page, f"hover-{chart}.png")
        page.mouse.move(5, 5)
    opened.is_quiet()


def test_the_floor_and_the_bands_are_drawn(opened: Visit) -> None:
    assert opened.page.locator("#quality svg .mark-area path").count() >= 7
    assert "floor: exact draws of the truth" in opened.page.inner_text("#quality")
    assert opened.page.locator("#pareto svg .mark-line path").count() == 1
    opened.is_quiet()


def test_a_narrow_screen_has_no_sideways_scrolling(browser: Any, board_page: Path) -> None:
    visit = Visit(browser, board_page, width=768, height=844)
    page = visit.page
    for tab in ("gmm", "mnist"):
        page.click(f"nav [role=tab]:has-text('{tab}') >> nth=0")
        page.wait_for_selector("#quality svg")
        page.locator("#cells tr.row .name button").first.click()
        for width in (768, 390, 320):
            page.set_viewport_size({"width": width, "height": 844})
            page.wait_for_function(f"document.querySelector('#quality svg').getBoundingClientRect().width <= {width}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shoot(page, f"narrow-{width}-{tab}.png")
    visit.close()


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours `rgb(r, g, b)` (WCAG 2)."""

    def luminance(colour: str) -> float:
        parts = np.array([float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_readable(browser: Any, board_page: Path, scheme: str) -> None:
    visit = Visit(browser, board_page, scheme=scheme)
    page = visit.page
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (contrast(ground, "rgb(0, 0, 0)") < 3) == (scheme == "dark")
    for selector in ("h1", "p.muted", "a[href^=http]", "#cells .ends", ".tag.floor", ".tag.claimed"):
        colour = page.evaluate(f"getComputedStyle(document.querySelector({selector!r})).color")
        assert contrast(colour, ground) >= 4.5, selector
    shoot(page, f"{scheme}.png")
    page.click("#theme")
    page.click("#theme")
    assert contrast(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(0, 0, 0)") < 3
    visit.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_studies_are_drawn_on_their_task_alone(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    """As wide as the page, on a phone too, and again in the other colours; what a study holds is text."""
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
    entries = [Entry(made("a", 5)), Entry(made("b", 5, task="other"))]
    file = tmp_path / "studies.html"
    file.write_text(build_page(boards(entries), titles={}, claims={}, pictures=[], sections=[study]))
    visit = Visit(browser, file, width=width, scheme=scheme)
    page = visit.page
    page.wait_for_selector("#study-0-1 svg")
    for place in ("#study-0-0", "#study-0-1"):
        drawn, room = (page.locator(f"{place}{part}").bounding_box()["width"] for part in (" svg", ""))
        assert 0.9 * room <= drawn <= room + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.ran") is None
    assert "<img src=x" in page.inner_text("section.study")
    shoot(page, f"studies-{scheme}.png")
    page.click("#theme")
    page.wait_for_selector("#study-0-1 svg")
    page.click("#tab-1")
    assert page.locator("section.study:visible").count() == 0
    visit.close()


def test_markup_in_records_is_shown_and_never_run(browser: Any, tmp_path: Path) -> None:
    records = [
        made(EVIL, 5, {EVIL: metric(0.2, 0.01, method=EVIL)}, grid=EVIL, note=EVIL, family=EVIL),
        made(EVIL, 7, {EVIL: metric(0.1, 0.01, method=EVIL)}, grid=EVIL),
        made("broken", 5, status="failed", error=EVIL, grid=EVIL),
        made("constructor", 9, {EVIL: metric(0.05, 0.01, method=EVIL)}, grid=EVIL, family="constructor"),
    ]
    for record in records:
        record["provenance"].update(device_name=EVIL, platform=EVIL, artifacts={EVIL: EVIL}, packages={EVIL: EVIL})
    entries = [Entry(records[0], "reported", EVIL), *map(Entry, records[1:])]
    file = tmp_path / "evil.html"
    file.write_text(build_page(boards(entries), titles={"gmm": EVIL}, claims={}, pictures=[]))
    visit = Visit(browser, file)
    page = visit.page
    for row in range(4):
        page.locator("#cells tr.row .name button").nth(row).click()
    for text in (
        page.inner_text("h1"),
        page.inner_text("#cells"),
        page.inner_text("#legend"),
        page.inner_text("#reached"),
    ):
        assert "<img src=x" in text
    page.locator("#quality svg .mark-symbol path").first.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "<img src=x" in page.inner_text("#vg-tooltip-element")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert "failed" in page.inner_text("#cells")
    assert "reported" in page.inner_text("#cells")
    shoot(page, "evil.png")
    visit.close()


def test_failed_cells_and_those_without_interval_are_shown_as_such(browser: Any, tmp_path: Path) -> None:
    records = [
        made("good", 5),
        made("lost", 5, status="diverged", error="7 of 9 samples are not finite."),
        made("once", 5, {"w1": metric(0.2, None)}, repeats=1),
    ]
    file = tmp_path / "page.html"
    file.write_text(build_page(boards(Entry(r) for r in records), titles={}, claims={}, pictures=[]))
    visit = Visit(browser, file)
    assert visit.column(".rank") == ["1", "–", "–"]
    text = visit.page.inner_text("#cells")
    assert "diverged" in text
    assert "0.2000[?]" in text.replace("\n", "").replace(" ", "")
    visit.page.click("#cells tr.row:has-text('lost') .name button")
    assert "7 of 9 samples are not finite." in visit.page.inner_text("#cells tr.detail")
    visit.close()


def test_the_calls_for_a_quality_are_read_between_the_points(browser: Any, tmp_path: Path) -> None:
    """W1 = 1/NFE within −12.5 and +20 %: a quality of 0.05 takes 20 calls, between 17.5 and 24."""
    records = [made("a", n, {"w1": metric(1 / n, 0.2 / n)}) for n in (5, 10, 40)]
    records += [made("b", 5, {"w1": metric(0.001, 0.0001)}), made("c", 5, {"w1": metric(9.0, 1.0)})]
    file = tmp_path / "page.html"
    file.write_text(build_page(boards(Entry(r) for r in records), titles={}, claims={}, pictures=[]))
    visit = Visit(browser, file)
    visit.page.fill("#reach", "0.05")
    rows = [text.split() for text in visit.page.locator("#reached tbody tr").all_inner_texts()]
    assert [row[0] for row in rows] == ["b", "a", "c"]
    assert rows[0][2:] == ["≤", "5", "[≤", "5,", "≤", "5]"]
    assert rows[1][2:] == ["20", "[17.5,", "24]"]
    assert rows[2][2:] == [">", "5", "[>", "5,", ">", "5]"]
    visit.page.fill("#reach", "0.0105")
    assert visit.page.locator("#reach-note").is_visible()
    visit.close()


def test_the_front_joins_what_nothing_beats_in_time_and_quality(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(build_page(boards([Entry(made("a", 5)), Entry(made("b", 9))]), titles={}, claims={}, pictures=[]))
    visit = Visit(browser, file)
    points = [(1, 0.5), (2, 0.6), (3, 0.2), (3, 0.4), (4, 0.2), (5, 0.1)]
    rows = [{"seconds": seconds, "value": value} for seconds, value in points]
    front = visit.page.evaluate("rows => measures.front(rows, 'lower')", rows)
    assert [(p["seconds"], p["value"]) for p in front] == [(1, 0.5), (3, 0.2), (5, 0.1)]
    front = visit.page.evaluate("rows => measures.front(rows, 'higher')", rows)
    assert [(p["seconds"], p["value"]) for p in front] == [(1, 0.5), (2, 0.6)]
    visit.close()


@pytest.mark.slow
def test_a_board_of_many_cells_stays_usable(browser: Any, tmp_path: Path) -> None:
    records = [made(f"s{i % 15}", 2 + i // 15, {"w1": metric(1 / (2 + i), 0.01 / (2 + i))}) for i in range(900)]
    file = tmp_path / "page.html"
    file.write_text(build_page(boards(Entry(r) for r in records), titles={}, claims={}, pictures=[]))
    visit = Visit(browser, file)
    assert visit.page.locator("#cells tr.row").count() == 150
    visit.page.click("#more")
    assert visit.page.locator("#cells tr.row").count() == 900
    visit.close()

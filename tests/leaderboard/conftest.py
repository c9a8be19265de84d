"""The page in a real browser, from disk, without a network. Screenshots go to $SIGBENCH_SCREENSHOTS, if it is set."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_records import made, metric_of

from sigbench.leaderboard.board import Board, Entry, boards
from sigbench.leaderboard.claims import answers, read_claims
from sigbench.leaderboard.page.build import build_page
from sigbench.leaderboard.page.pictures import find_pictures
from sigbench.leaderboard.sections import find_sections, with_sections
from sigbench.records.record import MetricRecord, Record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
COMMITTED = Path(__file__).parents[2] / "leaderboard"
SHAPE = (-1.0, 0.4, 0.6, -0.5, 0.5)
SAMPLERS = {  # family, W1 at two steps, order, calls a step
    "sigdeg": ("student", 0.0099, 1.0, 1),
    "euler-maruyama": ("sde", 0.9, 1.5, 1),
    "milstein": ("sde", 0.9, 1.5, 1),  # on additive noise the same scheme
    "ddim": ("ode", 0.7, 1.2, 1),
    "heun": ("ode", 0.4, 1.9, 2),
    "shark": ("sde", 0.3, 2.1, 2),
    "sra1": ("sde", 0.303, 2.1, 2),
}

Visiting = Callable[..., "Visit"]


class Visit:
    """A page that is open, with all that it said on the console and all that it asked for."""

    def __init__(
        self, browser: Any, file: Path, at: str = "", *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{file.as_uri()}{at}")
        self.page.wait_for_selector("html[data-ready]")
        if at.endswith("/curves"):
            self.wait_for_charts()

    def wait_for_charts(self) -> None:
        """Waits until the charts of the curves are drawn."""
        self.page.wait_for_selector("#quality svg")
        self.page.wait_for_selector("#pareto svg")

    def column(self, selector: str, table: str = "cells") -> list[str]:
        """The texts of a column of a table."""
        return [
            text.strip() for text in self.page.locator(f"#{table} tbody tr:not(.detail) {selector}").all_inner_texts()
        ]

    def shoot(self, name: str) -> None:
        """Takes a picture of the whole page for people to look at, where they asked for it."""
        if folder := os.environ.get("SIGBENCH_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / name, full_page=True)

    def is_quiet(self) -> None:
        """It must have said nothing, and asked for nothing but itself."""
        assert self.console == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] == []
        assert len([url for url in self.requests if url.startswith("file:")]) == 1


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser without a head."""
    api = pytest.importorskip("playwright.sync_api", reason="browser: playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("browser: there is no chromium here (apt-get install chromium)")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visiting(browser: Any) -> Iterator[Visiting]:
    """Opens pages; when the test is over, each must have been quiet."""
    visits: list[Visit] = []

    def open_page(file: Path, at: str = "", **options: Any) -> Visit:
        visits.append(Visit(browser, file, at, **options))
        return visits[-1]

    yield open_page
    for visit in visits:
        visit.is_quiet()
        visit.context.close()


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Path]:
    """Writes a page of records or entries."""

    def write(*each: Record | Entry, **options: Any) -> Path:
        entries = [one if isinstance(one, Entry) else Entry(one) for one in each]
        file = tmp_path / "page.html"
        file.write_text(build_page(boards(entries), **{"titles": {}, "claims": {}, "pictures": [], **options}))
        return file

    return write


def spread(value: float, share: float, floor: float = 0.01) -> MetricRecord:
    """A metric of five repeats, on noise that all share."""
    return metric_of([value * (1 + share * x) for x in SHAPE], floor)


def board_records() -> list[Record]:
    """Records of three tasks: seven samplers at three step counts, the teacher, and two grids of images."""
    found = []
    for task, headline in (("gmm", "w1"), ("gmm2d", "sliced-w2"), ("mnist", "fcd")):
        for name, (family, size, order, calls) in SAMPLERS.items():
            for steps in (5, 10, 20):
                value = size if family == "student" else 0.01 + size * (2 / steps) ** order
                scores = {headline: spread(value, 0.03), "ks": spread(value / 3, 0.08, 0.004)}
                for grid, power in (("quadratic", 2), ("karras", 7)) if task == "mnist" else (("quadratic", 2),):
                    facts = {"family": family, "nfe": calls * steps, "grid": grid, "task": task}
                    facts |= {"times": [(i / steps) ** power for i in range(steps + 1)]}
                    facts |= {"seconds": 1e-6 * steps * (20 if family == "student" else 1)}
                    found.append(made(name, steps, scores, **facts))
        teacher = {headline: spread(0.0101, 0.02), "ks": spread(0.004, 0.05, 0.004)}
        found.append(made("teacher (euler-maruyama)", 300, teacher, task=task, family="sde", seconds=3e-4))
    for record in found:
        record["provenance"].update(device_name="AMD EPYC", threads=2)
        if record["sampler"] == "sigdeg" and record["timing"] is not None:
            record["timing"]["training_s"] = 60.0
            record["provenance"]["artifacts"] = {"sigdeg": "ab" * 32}
    return found


@pytest.fixture(scope="session")
def made_boards() -> dict[str, list[Board]]:
    """The boards of the page that most tests of the browser open."""
    return boards(map(Entry, board_records()))


@pytest.fixture(scope="session")
def board_page(tmp_path_factory: pytest.TempPathFactory, made_boards: dict[str, list[Board]]) -> Path:
    """A page with claims, pictures and studies."""
    sections = find_sections(COMMITTED / "studies", outdated=lambda sentence: None)
    html = build_page(
        with_sections(made_boards, sections),
        titles={"gmm": "A Gaussian mixture"},
        claims=answers(read_claims(COMMITTED / "claims.toml"), made_boards),
        pictures=find_pictures(COMMITTED),
        sections=sections,
    )
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(html)
    return file

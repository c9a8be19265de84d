"""The page can be read on a phone, in the dark and on paper."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Visiting = Callable[..., Any]


@pytest.mark.parametrize("view", ["", "/curves", "/studies", "/cells"])
def test_a_narrow_screen_has_no_sideways_scrolling(visiting: Visiting, board_page: Path, view: str) -> None:
    page = (visit := visiting(board_page, f"#mnist{view}", width=768, height=844)).page
    if view == "/cells":
        page.locator("#cells tr.row .name button").first.click()
    if view == "/studies":
        page.wait_for_selector("section.study:visible svg >> nth=0")
    for width in (768, 390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        if view in ("/curves", "/studies"):
            drawn = "[...document.querySelectorAll('.vega-embed svg')].map((svg) => svg.getBoundingClientRect().right)"
            page.wait_for_function(f"Math.max(...{drawn}) <= {width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        visit.shoot(f"narrow-{width}{view.replace('/', '-')}.png")


def test_on_a_narrow_screen_the_chosen_calls_are_in_sight(visiting: Visiting, board_page: Path) -> None:
    page = visiting(board_page, "#gmm", width=390, height=844).page
    for calls in ("5", "40"):
        page.select_option("#calls", calls)
        box = page.locator("#matrix th.chosen").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_the_overview_fits_a_narrow_screen(visiting: Visiting, board_page: Path) -> None:
    visit = visiting(board_page, width=390, height=844)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.shoot("narrow-overview.png")


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours `rgb(r, g, b)` (WCAG 2)."""

    def luminance(colour: str) -> float:
        parts = np.array([float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("at", "selectors"),
    [
        ("", ["h1", "p.muted", "#overview a"]),
        ("#gmm", ["td.m-best", "td.m-equivalent", "td.m-worse", "#matrix small", "tr.m-best .sign", "#block .ends"]),
        ("#gmm/cells", ["#cells .ends", "#cells .tag.floor"]),
        ("#gmm/studies", [".tag.claimed", ".study p.muted"]),
        ("#gmm/curves", ["#quality svg text"]),
    ],
)
def test_light_and_dark_are_readable(
    visiting: Visiting, board_page: Path, scheme: str, at: str, selectors: list[str]
) -> None:
    page = (visit := visiting(board_page, at, scheme=scheme)).page
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (contrast(ground, "rgb(0, 0, 0)") < 3) == (scheme == "dark")
    chosen = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent-soft')").lstrip("#")
    grounds = [ground, f"rgb({', '.join(str(int(chosen[i : i + 2], 16)) for i in (0, 2, 4))})"]
    for selector in selectors:
        name = "fill" if "svg" in selector else "color"
        colour = page.evaluate(f"getComputedStyle(document.querySelector({selector!r})).{name}")
        for behind in grounds if "matrix" in selector or selector.startswith("td.m") else grounds[:1]:
            assert contrast(colour, behind) >= 4.5, (selector, colour, behind)
    visit.shoot(f"{scheme}{at.strip('#').replace('/', '-')}.png")
    page.click("#theme")
    page.click("#theme")
    assert contrast(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(0, 0, 0)") < 3


@pytest.mark.parametrize("at", ["", "#gmm"])
def test_in_print_it_is_black_on_white_without_controls(visiting: Visiting, board_page: Path, at: str) -> None:
    page = (visit := visiting(board_page, at, width=1032, scheme="dark")).page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for selector in ("header", "#views", ".controls"):
        assert page.locator(f"{selector} >> visible=true").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1032
    visit.shoot(f"print{at.strip('#')}.png")

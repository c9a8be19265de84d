"""Tables that fit: columns where there is room, blocks of lines where there is none, and nothing is cut."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from sigbench.report.fitting import FittingTable

NAME = "dpmpp-2m:grid='karras:rho=5'"


def table(**options: bool | int) -> FittingTable:
    found = FittingTable(title="orders", keys=2, **options)  # type: ignore[arg-type]
    found.column("sampler", fold=True, most=24)
    found.column("calls", right=True)
    for name in ("w1", "time a sample"):
        found.column(name, right=True)
    found.row("ddim", "5", ("0.3748 [.3725, .3782]", "bold green"), "263 (227–360) ns", ends=True)
    found.row(NAME, "10", "0.0108 [.0079, .0149] ★", "")
    return found


def printed(found: FittingTable, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(found)
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("options", [{}, {"ruled": False}, {"tight": True}])
@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 200])
def test_no_cell_is_cut_at_any_width(options: dict[str, bool], width: int) -> None:
    lines = printed(table(**options), width)
    text = "".join(lines).replace(" ", "").replace("│", "").replace("┃", "")
    assert "…" not in text
    assert max(map(cell_len, lines)) <= width
    for words in ("orders", "ddim", "0.3748[.3725,.3782]", "263(227–360)ns", "0.0108[.0079,.0149]★"):
        assert words in text
    assert "dpmpp-2m:grid=" in text


def test_where_columns_do_not_fit_a_row_is_a_block() -> None:
    assert printed(table(), 40) == [
        "orders",
        "ddim, 5 calls",
        "  w1             0.3748 [.3725, .3782]",
        "  time a sample  263 (227–360) ns",
        "",
        f"{NAME}, 10 calls",
        "  w1  0.0108 [.0079, .0149] ★",
    ]


def test_the_width_that_is_needed_is_enough_and_no_less_is() -> None:
    needed = table().needed(Console(width=10))
    assert any("┃" in line for line in printed(table(), needed))
    assert not any("┃" in line for line in printed(table(), needed - 1))


def test_a_bare_number_has_its_header_beside_it() -> None:
    found = FittingTable(ruled=False)
    found.column("step", right=True)
    found.column("a long name of a column", right=True)
    found.row("3", "a value that is long too")
    assert printed(found, 29)[0] == "step 3"


def test_cells_are_no_markup() -> None:
    """Names may hold brackets and colons, as of an emoji."""
    found = FittingTable(title="[red]")
    found.column("[bold]")
    found.row("[green]a[/green] \\")
    found.row((":x: [b]", "red"))
    text = "\n".join(printed(found, 40))
    for words in ("[red]", "[bold]", "[green]a[/green] \\", "[b]"):
        assert words in text

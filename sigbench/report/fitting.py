"""Tables that fit: where the columns are wider than the terminal, a row is a block of lines, and nothing is cut."""

from collections.abc import Iterator, Sequence
from typing import Literal

from rich.box import HEAVY_HEAD, Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Cell = str | tuple[str, str]  # a text as it is, or with a style of rich
_LONGEST_WORD = 16  # of a column that may be folded: a longer word is folded too


class FittingTable(Table):
    """A table without outer edges, whose cells are folded where they may be, and never cut.

    `ruled` draws lines between columns, `tight` without room about them; else two spaces stand there. Where the columns
    do not fit, a row becomes a heading of its first `keys` cells, and a line for each other cell that is not empty.
    """

    def __init__(
        self, *, title: str = "", ruled: bool = True, tight: bool = False, keys: int = 1, box: Box | None = None
    ) -> None:
        lines = box or (HEAVY_HEAD if ruled else None)
        super().__init__(
            title=escape(title) or None,
            title_justify="left",
            title_style="bold",
            box=lines,
            padding=(0, 0) if tight else (0, 1) if lines else (0, 2, 0, 0),
            pad_edge=False,
            show_edge=False,
            header_style="bold",
        )
        self._keys, self._gap = keys, 1 if tight else 3 if lines else 2

    def column(self, header: str, *, right: bool = False, fold: bool = False, most: int | None = None) -> None:
        """Adds a column; a cell of one that may `fold` takes several lines, of at most `most` characters."""
        side: Literal["left", "right"] = "right" if right else "left"
        self.add_column(escape(header), justify=side, no_wrap=not fold, overflow="fold", max_width=most)

    def row(self, *cells: Cell, style: str = "", ends: bool = False) -> None:
        """Adds a row, a cell a column, and a line under it where it `ends` a section."""
        self.add_row(*map(_markup, cells), style=style or None, end_section=ends)

    def needed(self, console: Console) -> int:
        """Returns the least width in which no cell is cut."""
        widths = []
        for column in self.columns:
            texts = [_plain(console, cell) for cell in (column.header, *column.cells)]
            longest = max((cell_len(part) for text in texts for part in _parts(text, column.no_wrap)), default=0)
            widths.append(longest if column.no_wrap else min(longest, _LONGEST_WORD))
        return sum(widths) + self._gap * (len(widths) - 1)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        marked = options.update(markup=True)  # styles are in the cells, whose texts are escaped
        if self.needed(console) <= options.max_width:
            yield from super().__rich_console__(console, marked)
        else:
            for part in self._blocks(console):
                yield from console.render(part, marked)

    def _blocks(self, console: Console) -> Iterator[RenderableType]:
        headers = [_plain(console, column.header).replace("\n", " ") for column in self.columns]
        if self.title:
            yield f"[bold]{self.title}[/bold]"
        ended = False
        for row, cells in zip(self.rows, zip(*(column.cells for column in self.columns), strict=True), strict=True):
            if ended:
                yield ""
            ended = row.end_section
            yield Text(_heading(headers, [_plain(console, cell) for cell in cells[: self._keys]]), style="bold")
            lines = Table.grid(padding=(0, 2, 0, 0))
            lines.add_column(no_wrap=True, style="dim")
            lines.add_column(overflow="fold")
            for header, cell in list(zip(headers, cells, strict=True))[self._keys :]:
                if _plain(console, cell).strip():
                    lines.add_row(header, cell, style=row.style)
            if lines.row_count:
                yield Padding(lines, (0, 0, 0, 2))


def _markup(cell: Cell) -> str:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return f"[{style}]{escape(text)}[/]" if style else escape(text)


def _plain(console: Console, cell: RenderableType) -> str:
    """A cell as the console prints it, in its encoding and without styles."""
    return console.render_str(str(cell), markup=True).plain


def _parts(text: str, whole: bool) -> Sequence[str]:
    """What of a cell stands on one line: its lines where they are kept `whole`, else its words."""
    return text.split("\n") if whole else text.split()


def _heading(headers: Sequence[str], cells: Sequence[str]) -> str:
    """What a row is about: its first cell, and the others with their headers; a bare number needs its header too."""
    first = cells[0].strip()
    named = [f"{headers[0]} {first}" if first.isdecimal() else first]
    named += [f"{cell.strip()} {header}" for header, cell in zip(headers[1:], cells[1:], strict=False) if cell.strip()]
    return ", ".join(named)

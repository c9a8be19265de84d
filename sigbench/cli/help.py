"""How every command shows its help, in panels that fit the terminal, and what it says of a value of another kind."""

import inspect
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from rich.console import Group as Together
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from sigbench.cli.printing import TableConsole
from sigbench.report.ascii import shown

# typer carries a copy of click, or depends on it, by its version; what it exports leads to the right classes.
UsageError: Any = typer.BadParameter.__base__
_WIDEST, _NARROW = 100, 60  # longer lines are hard to read; below, an option stands above its help
_AS_IT_IS = "\b\n"  # what begins a paragraph whose lines are kept


class _Helpful:
    """What commands and groups of them share."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help: usage, paragraphs, examples, and a panel for each kind of options or commands."""
        console = TableConsole(highlight=False)
        console.width = min(console.width, _WIDEST)
        with console.capture() as captured:
            for part in _parts(self, ctx, console):
                console.print(part)
        ctx.color = console.is_terminal  # FORCE_COLOR included; what prints the text would take its escapes away
        # Encoded here: what prints the text would take a stream of another encoding for one of ASCII.
        formatter.write(shown(captured.get(), console.encoding))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Reads the arguments; an error names the value that was given."""
        given = list(args)
        try:
            context = super().make_context(info_name, args, parent, **extra)  # type: ignore[misc]  # that of typer's class
            _check_given(context, given)
            return context
        except typer.BadParameter as error:
            if type(error) is typer.BadParameter and error.ctx is not None and error.param is not None:
                raise UsageError(_sentence(error, given), ctx=error.ctx) from None
            raise


class Command(_Helpful, TyperCommand):
    """A command."""


class Group(_Helpful, TyperGroup):
    """A command that holds others."""


def _parts(command: Any, ctx: Any, console: TableConsole) -> Iterator[Any]:
    width = console.width
    yield Text.assemble(("Usage: ", "bold"), command.get_usage(ctx).removeprefix("Usage: "))
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield ""
        if paragraph.startswith(_AS_IT_IS):
            yield Together(*(_example(line, width) for line in paragraph.removeprefix(_AS_IT_IS).splitlines()))
        else:
            yield Text(shown(" ".join(paragraph.split()), console.encoding))
    for title, rows in _panels(command, ctx).items():
        yield ""
        yield Panel(_rows(rows, console), title=title, title_align="left", border_style="dim")
    if command.epilog:
        yield ""
        yield Together(*(_example(line, width) for line in command.epilog.splitlines()))


def _example(line: str, width: int) -> Text:
    """A line that goes on indented where it is too long, cut between words alone."""
    options = {"break_long_words": False, "break_on_hyphens": False}
    return Text("\n".join(textwrap.wrap(line, width, subsequent_indent="    ", **options)), style="cyan")  # type: ignore[arg-type]


def _panels(command: Any, ctx: Any) -> dict[str, list[tuple[str, Text]]]:
    """What is shown in rows, a label and a text, by the titles of panels in the order of their first member."""
    found: dict[str, list[tuple[str, Text]]] = {}
    for param in command.get_params(ctx):
        if not getattr(param, "hidden", False):
            usual = "Options" if param.param_type_name == "option" else "Arguments"
            found.setdefault(getattr(param, "rich_help_panel", None) or usual, []).append((_label(param), _help(param)))
    for name in command.list_commands(ctx) if isinstance(command, TyperGroup) else ():
        own = command.get_command(ctx, name)
        if own is not None and not own.hidden:
            first = inspect.cleandoc(own.help or "").partition("\n\n")[0]
            panel = getattr(own, "rich_help_panel", None) or "Commands"
            found.setdefault(panel, []).append((name, Text(" ".join(first.split()))))
    return {title: found[title] for title in sorted(found, key=lambda title: title == "Options")}  # --help at the end


def _label(param: Any) -> str:
    """How an option or an argument is written: its first name, its short one, and what it takes."""
    if param.param_type_name == "argument":
        return str(param.metavar)
    short = [name for name in param.opts if not name.startswith("--")]
    taken = "" if param.is_flag else f" {param.metavar}"
    return ", ".join([*short, next(name for name in param.opts if name.startswith("--"))]) + taken


def _help(param: Any) -> Text:
    text = Text(" ".join((param.help or "").split()))
    default = param.default
    if param.required:
        text.append(" [required]", style="red")
    elif default not in (None, "", False) and not callable(default):
        text.append(f" [default: {default}]", style="dim")
    return text


def _rows(rows: Sequence[tuple[str, Text]], console: TableConsole) -> Any:
    """Labels beside their texts, or above them where the terminal is narrow."""
    texts = [(label, Text(shown(text.plain, console.encoding), spans=text.spans)) for label, text in rows]
    if console.width < _NARROW:
        return Together(*(part for label, text in texts for part in (Text(label, style="bold cyan"), _indented(text))))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="bold cyan")
    grid.add_column(overflow="fold")
    for label, text in texts:
        grid.add_row(label, text)
    return grid


def _indented(text: Text) -> Table:
    grid = Table.grid(padding=0)
    grid.add_column(width=2)
    grid.add_column(overflow="fold")
    grid.add_row("", text)
    return grid


def _sentence(error: Any, given: Sequence[str]) -> str:
    """What was wanted of an option and what was given, in the words of sigbench's own refusals."""
    name, value = _given(error.param, given)
    words = {"integer": "a whole number", "number": "a number", "float": "a number"}
    wanted = next((words[word] for word in words if word in error.message), None)
    if wanted is None or value is None:
        return f"{name}: {error.message}"
    return f"{name} takes {wanted}, got {value!r}."


def _check_given(context: Any, given: Sequence[str]) -> None:
    """Raises a usage error for an option with nothing behind it, as of a shell's variable that is not set.

    So it does for a number that Python reads and nobody writes: 1_0, or in other digits than 0 to 9.
    """
    for param in context.command.params:
        name, text = _given(param, given)
        value = context.params.get(param.name)
        if text == "" and param.param_type_name == "option":
            raise UsageError(f"{name} needs a value, and got ''.", ctx=context)
        if type(value) in (int, float) and text is not None and ("_" in text or not text.isascii()):
            words = "a whole number" if isinstance(value, int) else "a number"
            raise UsageError(f"{name} takes {words} in the digits 0 to 9, got {text!r}.", ctx=context)


def _given(param: Any, given: Sequence[str]) -> tuple[str, str | None]:
    """An option as it was written, and the value behind it; None where it is not seen, as of an argument."""
    found = str(param.opts[0]), None
    for place, text in enumerate(given):
        name, equals, value = text.partition("=")
        if name in param.opts and name.startswith("-"):
            found = name, value if equals else (given[place + 1] if place + 1 < len(given) else None)  # type: ignore[assignment]
    return found

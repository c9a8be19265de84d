"""Writing the pages: what stands between the marks of cog is made anew from the records.

`python -m sigbench.leaderboard.documents` writes all pages from the root of the repository, with `--check` it says
which are not as their records are. Blocks find the functions of this package by their names, and `cog.out` prints.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sigbench.errors import BadInput
from sigbench.leaderboard.documents import choices, evidence, rivals, sentences, studies, tables, tuned
from sigbench.leaderboard.markdown import escaped
from sigbench.report import numbers
from sigbench.report.run_sentences import break_even_lines

MARK = "<!-- [[[cog"
_PROGRAM = r"^```python\n# {name}\n.*?^```$"


def pages(root: Path) -> Iterator[Path]:
    """Yields the pages under `root` that hold blocks: of its own folder, and of docs/."""
    for file in (*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))):
        if MARK in file.read_text(encoding="utf-8"):
            yield file


def rewritten(text: str, name: str) -> str:
    """Returns a page's text with its blocks made anew from the records under the working directory.

    Raises BadInput with the reason where a block fails, `name` being what the page is called in it.
    """
    from cogapp.cogapp import Cog, CogError

    cog = Cog()
    cog.options.prologue = "from sigbench.leaderboard.documents.pages import names; globals().update(names())"
    try:
        return str(cog.process_string(text, name))
    except CogError as error:
        raise BadInput(f"{name} cannot be written: {error}") from error


def names() -> dict[str, Callable[..., Any]]:
    """Returns what blocks may call, by name: the public functions of this package, and how numbers are written."""
    found: dict[str, Callable[..., Any]] = {}
    for module in (numbers, tables, studies, sentences, choices, rivals, tuned, evidence):
        found |= {name: thing for name, thing in vars(module).items() if _is_own(thing, module.__name__)}
    several = (program, first_block, floors_of_the_house, escaped, break_even_lines)
    return found | {thing.__name__: thing for thing in several}


def program(file: str, name: str) -> str:
    """Returns the program of a page that begins with `# name`, as a block of Markdown."""
    return _found(file, _PROGRAM.format(name=re.escape(name)))


def first_block(file: str) -> str:
    """Returns the first block of commands of a page."""
    return _found(file, r"^```bash\n.*?^```$")


def floors_of_the_house(file: str = "pyproject.toml") -> str:
    """Returns the packages of the house as a list, from the top down, as import-linter holds imports to it."""
    contracts = tomllib.loads(Path(file).read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return "\n".join(f"- {', '.join(f'`{name}`' for name in re.split(r' [:|] ', floor))}" for floor in floors)


def write(root: Path, *, check: bool) -> list[str]:
    """Writes the pages under `root`, or only compares them; returns the names of those that were not as they should."""
    changed = []
    for file in pages(root):
        text, name = file.read_text(encoding="utf-8"), file.relative_to(root).as_posix()
        new = rewritten(text, name)
        if new != text:
            changed.append(name)
            if not check:
                file.write_text(new, encoding="utf-8")
    return changed


def _found(file: str, pattern: str) -> str:
    match = re.search(pattern, Path(file).read_text(encoding="utf-8"), re.M | re.S)
    if match is None:
        raise BadInput(f"{file} holds no block {pattern!r}.")
    return match[0]


def _is_own(thing: object, module: str) -> bool:
    return callable(thing) and getattr(thing, "__module__", "") == module and not thing.__name__.startswith("_")  # type: ignore[attr-defined]

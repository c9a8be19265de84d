"""What the site takes from elsewhere: pages of the root, pictures, notebooks, commands, the schema of a record.

Links are written as they are right in the repository, where code hosts follow them; here they are turned to the site's.
"""

import html
import inspect
import json
import posixpath
import re
from pathlib import Path
from typing import Any, get_type_hints

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from notebooks import page as page_of  # beside this file, where mkdocs looks
from typer.cli import get_docs_for_click

import sigbench
from sigbench.cli.app import app
from sigbench.records import record

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "leaderboard/README.md")
NOTEBOOKS = ("guide/tutorial",)
SCHEMA = "reference/record.schema.json"
SCHEMA_MARK = "<!-- the fields of a record -->"
COMMANDS_MARK = "<!-- every command -->"
_LINK = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)#\s]+)")
_EXAMPLES = re.compile(r"(?:^sigbench .*\n)+", re.M)
_FIELD = re.compile(r"^    (\w+): (.+?)(?:  # (.*))?$", re.M)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds pages of the root, pictures of `leaderboard/`, notebooks as pages, and the schema as a file of JSON."""
    pictures = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "leaderboard").glob("*.png"))
    for name in (*PAGES, *pictures):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for name in NOTEBOOKS:
        text, drawn = page_of(json.loads((ROOT / "docs" / f"{name}.ipynb").read_text()), posixpath.basename(name))
        files.append(File.generated(config, f"{name}.md", content=text))
        for picture, svg in drawn.items():
            files.append(File.generated(config, posixpath.join(posixpath.dirname(name), picture), content=svg))
    schema = json.dumps(sigbench.schema(), indent=1, ensure_ascii=False)
    files.append(File.generated(config, SCHEMA, content=schema))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links of the repository to the site's, and puts commands and fields where a page asks for them."""
    source = page.file.src_uri
    here = posixpath.dirname(source if source in PAGES else f"docs/{source}")

    def turned(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, match[2]))
        own = target.removeprefix("docs/")
        if files.get_file_from_path(own) is None:
            return match[0]  # mkdocs says what is wrong with it
        return match[1] + posixpath.relpath(own, posixpath.dirname(source) or ".")

    text = _LINK.sub(turned, markdown)
    for mark, made in ((SCHEMA_MARK, fields_of_records), (COMMANDS_MARK, commands)):
        if mark in text:
            text = text.replace(mark, made())
    return text


def commands() -> str:
    """Returns every command with its options as typer writes them, examples as blocks of commands.

    Made of the tree of commands itself: mkdocs-typer2 0.4 asks click's options for what typer's own have no more.
    """
    group = typer.main.get_command(app)
    text = get_docs_for_click(
        obj=group, ctx=group.make_context("sigbench", [], resilient_parsing=True), name="sigbench"
    )
    _, _, text = html.unescape(text).partition("\n")  # the page has a title of its own
    return _EXAMPLES.sub(lambda match: f"\n```bash\n{match[0]}```\n", text)


def fields_of_records() -> str:
    """Returns a table a TypedDict of the record's module: the fields with their types and what is said beside them."""
    kinds = [thing for thing in vars(record).values() if inspect.isclass(thing) and thing.__module__ == record.__name__]
    schema = f"The [JSON schema]({posixpath.basename(SCHEMA)}) of all that follows, as a file."
    return "\n\n".join((schema, *(_fields(kind) for kind in reversed(kinds))))


def _fields(kind: type[Any]) -> str:
    rows = ["| field | type | meaning |", "|---|---|---|"]
    known = get_type_hints(kind)
    for name, text, remark in _FIELD.findall(inspect.getsource(kind)):
        assert name in known, (kind, name)
        rows.append(f"| `{name}` | `{text}` | {remark} |".replace(" | None", " or null").replace("|  |", "| |"))
    return "\n\n".join((f"### {kind.__name__}", inspect.getdoc(kind) or "", "\n".join(rows)))

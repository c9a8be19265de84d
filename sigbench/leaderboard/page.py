"""The page: boards as one HTML file that holds everything it needs and asks no network for anything."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from sigbench.leaderboard.board import Board
from sigbench.leaderboard.claims import Answer
from sigbench.leaderboard.page_data import PATHS, page_data
from sigbench.leaderboard.sections import Section

_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_SCRIPTS = ("numbers", "measures", "rows", "charts", "tables", "page")  # one script, in this order
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that belongs to a task's tab."""

    task: str
    title: str
    file: Path


def build_page(
    boards: Mapping[str, Sequence[Board]],
    *,
    titles: Mapping[str, str],
    claims: Mapping[str, Sequence[Answer]],
    pictures: Sequence[Picture],
    sections: Sequence[Section] = (),
    footer: str = "",
) -> str:
    """Returns the page of all boards, by task; `titles` says what the tasks are called in words.

    Whatever comes from a record is text to the page: it lies in a JSON document that no markup can leave.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    scripts = [_bundle(), "\n".join(_part(f"{name}.js") for name in _SCRIPTS)]
    numbered = list(enumerate(sections))
    tasks = [
        {
            "name": name,
            "claims": claims.get(name, ()),
            "pictures": [{"title": p.title, "uri": _data_uri(p.file)} for p in pictures if p.task == name],
            "sections": [(number, section) for number, section in numbered if section.task == name],
        }
        for name in boards
    ]
    # Jinja's own filters would do for single values; autoescape holds for the whole template.
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False).from_string(
        _part("page.html.j2")
    )
    return template.render(
        tasks=tasks,
        css=Markup(_part("page.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=Markup(" ".join(_hash_of(script) for script in scripts)),
        data=Markup(
            embedded(page_data(boards, titles) | {"sections": [_section_data(section) for section in sections]})
        ),
        shapes=PATHS,
        footer=footer,
    )


def _section_data(section: Section) -> dict[str, Any]:
    return {"task": section.task, "charts": list(section.charts.values())}


def embedded(document: Any) -> str:
    """Returns JSON that may stand inside a script element: no `<`, `>` or `&` is left to end it or to begin markup."""
    text = msgspec.json.encode(document).decode()
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _part(name: str) -> str:
    return files("sigbench.leaderboard").joinpath("template", name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert

    script: str = vl_convert.javascript_bundle(_GLOBALS)
    return script.replace("</script", "<\\/script")


def _hash_of(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _data_uri(file: Path) -> str:
    return f"data:{_TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def find_pictures(folder: Path) -> list[Picture]:
    """Returns the pictures of a board's folder that the page knows."""
    known = (
        ("mnist", "mnist-strip", "The same noise under several samplers"),
        ("rbergomi", "rbergomi-smile", "The smile of implied volatilities"),
    )
    candidates = [
        Picture(task, title, folder / f"{stem}{suffix}") for task, stem, title in known for suffix in (".svg", ".png")
    ]
    found: dict[str, Picture] = {}
    for picture in candidates:
        if picture.file.is_file():
            found.setdefault(picture.task, picture)
    return list(found.values())


def newest_date(boards: Mapping[str, Sequence[Board]]) -> str:
    """Returns the day of the newest record, "" where there is none."""
    dates = [
        str(e.record["provenance"].get("date"))[:10] for several in boards.values() for b in several for e in b.entries
    ]
    return max((day for day in dates if _is_day(day)), default="")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True

"""The page: boards as one HTML file that holds everything it needs and asks no network for anything."""

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from sigbench.leaderboard.board import Board
from sigbench.leaderboard.claims import Answer
from sigbench.leaderboard.overview import selection
from sigbench.leaderboard.page.data import PATHS, page_data
from sigbench.leaderboard.page.pictures import Picture, data_uri
from sigbench.leaderboard.page.specifications import Tables, compact
from sigbench.leaderboard.published import Beside
from sigbench.leaderboard.sections import Section
from sigbench.leaderboard.summary import summaries
from sigbench.report.marks import LEGEND

_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_SCRIPTS = ("numbers", "measures", "rows", "matrix", "charts", "tables", "page")  # one script, in this order


def build_page(
    boards: Mapping[str, Sequence[Board]],
    *,
    titles: Mapping[str, str],
    claims: Mapping[str, Sequence[Answer]],
    pictures: Sequence[Picture],
    sections: Sequence[Section] = (),
    published: Sequence[Beside] = (),
    footer: str = "",
) -> str:
    """Returns the page of all boards, by task; `titles` says what the tasks are called in words.

    Whatever comes from a record is text to the page: the script reads it from a packed JSON document and shows it as
    text, and the rest is escaped. The charts' library is packed as well, and unpacked where a chart is drawn.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    script = "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
    document = page_data(boards, titles) | _sections_data(sections)
    numbered = list(enumerate(sections))
    tasks = [
        {
            "name": name,
            "claims": claims.get(name, ()),
            "pictures": [{"title": p.title, "uri": data_uri(p.file)} for p in pictures if p.task == name],
            "sections": [(number, section) for number, section in numbered if section.task == name],
        }
        for name in boards
    ]
    # Jinja's own filters would do for single values; autoescape holds for the whole template.
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=False, loader=FunctionLoader(_part)
    ).get_template("page.html.j2")
    return template.render(
        tasks=tasks,
        summaries=summaries(boards, titles, sections),
        legend=LEGEND.splitlines(),
        published=published,
        selection=selection(board for several in boards.values() for board in several),
        css=Markup(_part("page.css")),
        script=Markup(script),
        script_hashes=Markup(f"{_hash_of(script)} {_hash_of(_bundle())}"),
        data=packed(msgspec.json.encode(document)),
        library=packed(_bundle().encode()),
        shapes=PATHS,
        footer=footer,
    )


def _sections_data(sections: Sequence[Section]) -> dict[str, Any]:
    tables = Tables()
    charts = [
        {"task": section.task, "charts": [compact(chart, tables) for chart in section.charts.values()]}
        for section in sections
    ]
    return {"sections": charts, "tables": tables.tables}


def packed(content: bytes) -> str:
    """Returns bytes deflated and in base64, as the page's script unpacks them; no markup can be in it."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _part(name: str) -> str:
    return files("sigbench.leaderboard").joinpath("template", name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, whose own names do not meet the page's."""
    import vl_convert

    return f"(() => {{{vl_convert.javascript_bundle(_GLOBALS)}\n}})();"


def _hash_of(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


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

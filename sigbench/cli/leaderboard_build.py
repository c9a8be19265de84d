"""`sigbench leaderboard build`: a board's page, and the same as text."""

from pathlib import Path
from typing import Annotated

import typer

from sigbench.cli.committed import FOLDER
from sigbench.cli.gathering import board_of, gather, titles_of
from sigbench.cli.options import MEASURED, RESULTS
from sigbench.cli.printing import say
from sigbench.errors import BadInput, check_extra
from sigbench.report.numbers import digits

Records = Annotated[
    list[Path] | None,
    typer.Option(
        "--store",
        "--records",
        metavar="PATH",
        rich_help_panel=MEASURED,
        help="Where records are: a store's folder or a JSON Lines file. May be repeated (default: the board's).",
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--board",
        "--folder",
        metavar="DIR",
        rich_help_panel=RESULTS,
        help="The board's folder: records, claims, pictures and submissions.",
    ),
]


def build(
    records: Records = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=RESULTS, help="The page (default: index.html in the board's folder)."
        ),
    ] = None,
    folder: Folder = FOLDER,
) -> None:
    """Build the page, one file that works from disk without a network, and README.md beside it.

    The board's folder holds records/, and may hold claims.toml, mnist-strip.png, rbergomi-smile.png (or .svg),
    submitted/, and studies/KIND/TASK.jsonl: of the kinds orders, gap, spectrum and ablation what `convergence` and the
    commands of these names print with --json, of the kind guidance records of several weights of guidance.
    """
    check_extra("plots", "the page")

    from sigbench.leaderboard.board import boards
    from sigbench.leaderboard.claims import answers, read_claims
    from sigbench.leaderboard.markdown import build_markdown, check_own
    from sigbench.leaderboard.page.build import build_page, newest_date
    from sigbench.leaderboard.page.pictures import find_pictures
    from sigbench.leaderboard.published import beside_ours, read_tables
    from sigbench.leaderboard.sections import find_sections, order_sentences, with_sections
    from sigbench.records.store import check_writable, make_folder, replacing

    board = board_of(folder, quiet=True)
    if board != folder and out is None:
        raise BadInput(f"there is no {folder} here: for a page of the installed copy name --out FILE.html.")
    page = out or folder / "index.html"
    if page.suffix != ".html":
        raise BadInput(f"the page is written as .html, not as {page.name!r}.")
    check_own(page.with_name("README.md"))
    make_folder(page.parent, "the page's folder")
    check_writable(page, "page")
    measured = boards(gather(records, folder)[0])
    said = board / "claims.toml"
    sections = find_sections(board / "studies", outdated=lambda sentence: say(f"left out: {sentence}"))
    claims = answers(read_claims(said), measured, order_sentences(sections)) if said.is_file() else {}
    published = [beside_ours(table, measured) for table in read_tables(said)] if said.is_file() else []
    found = with_sections(measured, sections)
    titles, day = titles_of(found), newest_date(found)
    html = build_page(
        found,
        titles=titles,
        claims=claims,
        pictures=find_pictures(board),
        sections=sections,
        published=published,
        footer=f"The newest record is of {day}." if day else "",
    )
    text_of = build_markdown(found, titles=titles, claims=claims, sections=sections, published=published)
    beside = page.with_name("README.md")
    for file, text in ((page, html), (beside, text_of)):
        with replacing(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    cells = sum(len(board.entries) for several in found.values() for board in several)
    print(f"{page} and {beside}: {cells} cells of {len(measured)} tasks, {digits(len(html) / 1e6)} MB.")

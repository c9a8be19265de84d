"""The page and the Markdown table as text: self-contained, the same for the same records, and safe."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_records import made, metric

from sigbench.leaderboard.board import Board, Entry, boards
from sigbench.leaderboard.claims import Answer
from sigbench.leaderboard.markdown import build_markdown, escaped
from sigbench.leaderboard.page import Picture, build_page, embedded, find_pictures, newest_date

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def some_boards() -> dict[str, list[Board]]:
    records = [made("ddim", n) for n in (2, 5)] + [made(EVIL, 5, grid=EVIL, note=EVIL)]
    records += [made("broken", 5, status="failed", error=EVIL), made("heun", 5, {"w1": metric(0.2, None)}, repeats=1)]
    return boards(Entry(record) for record in records)


def page(found: dict[str, list[Board]] | None = None, **options: object) -> str:
    settings = {"titles": {}, "claims": {}, "pictures": [], **options}
    return build_page(some_boards() if found is None else found, **settings)  # type: ignore[arg-type]


class Elements(HTMLParser):
    """Collects the elements of a page, and the texts of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def test_markup_in_records_adds_no_element() -> None:
    elements = Elements(page())
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == 3
    assert tags.count("img") == 0
    assert EVIL in json.dumps(json.loads(elements.scripts[0]))


def test_nothing_is_loaded_from_elsewhere() -> None:
    elements = Elements(page(claims={"gmm": [Answer("w", "s", "https://example.org", "v", "a", "")]}))
    for tag, attributes in elements.found:
        for name in ("src", "srcset", "data", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
    policy = next(a["content"] for t, a in elements.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_claims_and_titles_are_text_too() -> None:
    answer = Answer(EVIL, EVIL, "https://example.org", EVIL, EVIL, EVIL)
    tags = [tag for tag, _ in Elements(page(claims={"gmm": [answer]}, titles={"gmm": EVIL}, footer=EVIL)).found]
    assert tags.count("script") == 3
    assert tags.count("img") == 0


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "&lt;", "\u2028", "]]>", '"\\'])
def test_embedded_json_keeps_the_text_and_no_markup(text: str) -> None:
    document = embedded({text: [text]})
    assert json.loads(document) == {text: [text]}
    assert not re.search("[<>&]", document)


def test_the_same_records_give_the_same_page() -> None:
    assert page() == page()


def test_pictures_lie_in_the_page(tmp_path: Path) -> None:
    (tmp_path / "mnist-strip.png").write_bytes(b"png")
    (tmp_path / "rbergomi-smile.svg").write_text("<svg/>")
    pictures = find_pictures(tmp_path)
    assert [(p.task, p.file.name) for p in pictures] == [
        ("mnist", "mnist-strip.png"),
        ("rbergomi", "rbergomi-smile.svg"),
    ]
    text = page(boards([Entry(made(task="mnist"))]), pictures=[*pictures, Picture("other", "t", tmp_path / "none.png")])
    assert "data:image/png;base64,cG5n" in text
    assert "data:image/svg+xml;base64" not in text


def test_no_records_make_a_page_that_says_so() -> None:
    assert "There are no records yet" in page({})


def test_the_newest_day() -> None:
    records = [made(), made(steps=6)]
    records[0]["provenance"]["date"] = "2027-05-06T00:00:00"
    records[1]["provenance"]["date"] = "yesterday"
    assert newest_date(boards(Entry(record) for record in records)) == "2027-05-06"


def test_the_markdown_table_ranks_and_marks() -> None:
    rows = [
        made("a", 5, {"w1": metric(0.0095, 0.0005)}),
        made("b", 5, {"w1": metric(0.0104, 0.0005)}),
        made("c", 5, {"w1": metric(0.3, 0.01)}),
        made("d", 5, status="diverged"),
    ]
    text = build_markdown(boards(Entry(r) for r in rows), titles={"gmm": "A mixture"}, claims={})
    table = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert [line.split(" | ")[:2] for line in table] == [["| =1", "a"], ["| =1", "b"], ["| 3", "c"], ["| –", "d"]]
    assert "0.0095 \\[0.0092, 0.0100\\] *at the floor*" in table[0]
    assert "diverged" in table[3]
    assert "A mixture. 1,000 samples in a repeat, seed 0, grid quadratic." in text


def test_markdown_of_a_name_is_one_line_of_text() -> None:
    text = escaped("a|b\n<img src=x> [x](javascript:1) `c`")
    assert "\n" not in text
    for character in "|<>[]`":
        assert re.search(rf"(?<!\\){re.escape(character)}", text) is None

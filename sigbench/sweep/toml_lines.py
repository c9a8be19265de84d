"""Where the keys of a TOML text stand: tomllib says what a file holds, but not in which line."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

# Strings come first, so that what looks like a comment or a bracket within them is none.
_TOKEN = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)|(?P<newline>\n)|(?P<space>[ \t\r]+)|(?P<mark>[\[\]{}=,.])|(?P<word>[^\s\[\]{}=,.#\"']+)",
    re.DOTALL,
)


def lines_of(text: str) -> dict[KeyPath, int]:
    """Returns the line, from 1, of every table, key and list element of a valid TOML text.

    A path is made of names and, within lists, of indices from 0: ("sampler", "ddim", "steps", 1). Of a table that is
    opened in several places the first one counts.
    """
    return _Reader(text).read()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        assert found.lastgroup is not None
        if found.lastgroup not in ("comment", "space"):
            yield _Token(found.lastgroup, found[0], line)
        line += found[0].count("\n")
    yield _Token("end", "", line)


class _Reader:
    """Walks over the tokens of a text that tomllib has read before, so that no mistake is left to be found."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._lines: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}  # how many tables a list of tables holds so far

    def read(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._next.kind != "end":
            if self._take("newline"):
                continue
            if self._take("["):
                table = self._header()
            else:
                self._assignment(table)
        return self._lines

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, wanted: str) -> bool:
        """Steps over the next token where it is of this kind or this mark."""
        token = self._next
        found = token.kind == wanted or (token.kind == "mark" and token.text == wanted)
        self._at += found
        return found

    def _header(self) -> KeyPath:
        is_list = self._take("[")
        path = self._key(())
        if is_list:
            index = self._tables[path] = self._tables.get(path, -1) + 1
            self._note((*path, index), self._tokens[self._at - 1].line)
            path = (*path, index)
        while self._take("]"):
            pass
        return path

    def _key(self, table: KeyPath) -> KeyPath:
        path = table
        while True:
            token = self._next
            self._at += 1
            name = tomllib.loads(f"name = {token.text}")["name"] if token.kind == "string" else token.text
            path = (*path, name)
            self._note(path, token.line)
            if not self._take("."):
                return path
            if path in self._tables:  # what is below a list of tables belongs to its last table
                path = (*path, self._tables[path])

    def _assignment(self, table: KeyPath) -> None:
        path = self._key(table)
        self._take("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._note(path, self._next.line)
        if self._take("["):
            index = 0
            while not self._take("]"):
                if not (self._take("newline") or self._take(",")):
                    self._value((*path, index))
                    index += 1
        elif self._take("{"):
            while not self._take("}"):
                if not (self._take("newline") or self._take(",")):
                    self._assignment(path)
        else:
            while self._next.kind in ("string", "word") or self._next.text == ".":
                self._at += 1

    def _note(self, path: KeyPath, line: int) -> None:
        self._lines.setdefault(path, line)

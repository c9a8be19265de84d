"""Charts as the page keeps them: data once, in columns and with as many digits as a chart shows, and by its place."""

import json
import re
from collections.abc import Mapping
from typing import Any

_DIGITS = 5
_WORD = re.compile(r"\w+")


class Tables:
    """The data of all charts of a page, each kept once.

    A table is its columns by their names: a list of values, or for texts, `{"of": texts, "at": places}`.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self.tables: list[dict[str, Any]] = []

    def place(self, rows: list[dict[str, Any]], fields: set[str]) -> int:
        """Returns the place of a table of these rows, of which the named fields are kept."""
        names = list(dict.fromkeys(name for row in rows for name in row if name in fields))
        table = {"n": len(rows), "columns": {name: _column([row.get(name) for row in rows]) for name in names}}
        text = json.dumps(table)
        if text not in self._places:
            self._places[text] = len(self.tables)
            self.tables.append(table)
        return self._places[text]


def compact(spec: Mapping[str, Any], tables: Tables, above: str = "") -> dict[str, Any]:
    """Returns a Vega-Lite specification whose inline data are `{"table": place}`, without fields that it never names.

    A field counts as named where its name is a word of any text of the view or of one above it.
    """
    own = {key: value for key, value in spec.items() if key not in ("data", "layer")}
    text = f"{above} {json.dumps(own, ensure_ascii=False)}"
    found = dict(spec)
    if "layer" in spec:
        found["layer"] = [compact(layer, tables, text) for layer in spec["layer"]]
        text += json.dumps([_without_data(layer) for layer in spec["layer"]], ensure_ascii=False)
    rows = spec.get("data", {}).get("values") if isinstance(spec.get("data"), dict) else None
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        words = set(_WORD.findall(text))
        found["data"] = {"table": tables.place(rows, {name for row in rows for name in row if _named(name, words)})}
    return found


def _named(name: str, words: set[str]) -> bool:
    return set(_WORD.findall(name)) <= words


def _without_data(spec: Any) -> Any:
    if isinstance(spec, dict):
        return {key: _without_data(value) for key, value in spec.items() if key != "data"}
    return [_without_data(each) for each in spec] if isinstance(spec, list) else spec


def _column(values: list[Any]) -> Any:
    if values and all(isinstance(value, str) for value in values):
        of = list(dict.fromkeys(values))
        places = {text: place for place, text in enumerate(of)}
        return {"of": of, "at": [places[value] for value in values]}
    return [float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value for value in values]

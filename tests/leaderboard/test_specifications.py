"""Charts as the page keeps them: the data that a chart names, each kept once, and nothing else."""

from typing import Any

from sigbench.leaderboard.page.specifications import Tables, compact

ROWS = [
    {"who": "a", "x": 1, "y": 0.123456789, "y_low": 0.1, "unused": 7.0},
    {"who": "b", "x": 2, "y": 1.0, "y_low": 0.9, "unused": 8.0},
    {"who": "a", "x": 3, "y": 12345.678, "y_low": None, "unused": 9.0},
]


def rows_of(table: dict[str, Any]) -> list[dict[str, Any]]:
    """What the page's script makes of a table."""

    def at(column: Any, place: int) -> Any:
        return column["of"][column["at"][place]] if isinstance(column, dict) else column[place]

    return [{name: at(column, place) for name, column in table["columns"].items()} for place in range(table["n"])]


def view(**changes: Any) -> dict[str, Any]:
    encoding = {"x": {"field": "x"}, "y": {"field": "y"}, "color": {"field": "who"}}
    return {"data": {"values": ROWS}, "mark": "line", "encoding": encoding, **changes}


def test_the_fields_that_a_view_names_are_kept_with_the_digits_that_it_shows() -> None:
    tables = Tables()
    found = compact(view(), tables)
    assert found["data"] == {"table": 0}
    assert found["encoding"] == view()["encoding"]
    assert rows_of(tables.tables[0]) == [
        {"who": "a", "x": 1, "y": 0.12346},
        {"who": "b", "x": 2, "y": 1.0},
        {"who": "a", "x": 3, "y": 12346.0},
    ]


def test_fields_of_expressions_and_of_the_views_around_it_are_kept_too() -> None:
    tables = Tables()
    inner = view(transform=[{"calculate": "max(datum.y_low, 0.2 * datum.y)", "as": "low"}])
    compact({"layer": [inner], "encoding": {"tooltip": [{"field": "unused"}]}}, tables)
    assert set(tables.tables[0]["columns"]) == {"who", "x", "y", "y_low", "unused"}


def test_data_of_a_view_reach_its_layers() -> None:
    tables = Tables()
    found = compact({"data": {"values": ROWS}, "layer": [{"mark": "line", "encoding": {"y": {"field": "y"}}}]}, tables)
    assert list(tables.tables[found["data"]["table"]]["columns"]) == ["y"]


def test_the_same_data_are_kept_once() -> None:
    tables = Tables()
    found = compact({"layer": [view(), view(mark="point"), view(encoding={"x": {"field": "x"}})]}, tables)
    assert [layer["data"]["table"] for layer in found["layer"]] == [0, 0, 1]
    assert len(tables.tables) == 2


def test_other_data_stay_as_they_are() -> None:
    tables = Tables()
    for data in ({"name": "rows"}, {"values": [1, 2]}):
        assert compact(view(data=data), tables)["data"] == data
    assert tables.tables == []

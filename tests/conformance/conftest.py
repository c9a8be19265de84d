"""Which conformance tests are slow: those that call a costly task's network in float64, often, or in every cell."""

import pytest

COSTLY_TASKS = {"mnist"}
COSTLY_PARAMETERS = {("dtype", "float64"), ("steps", 20)}
COSTLY_TESTS = {"test_cells_do_not_depend_on_their_order_or_on_each_other"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        chosen = item.callspec.params
        costly = item.originalname in COSTLY_TESTS or any(chosen.get(n) == value for n, value in COSTLY_PARAMETERS)
        if chosen.get("task") in COSTLY_TASKS and costly:
            item.add_marker(pytest.mark.slow)

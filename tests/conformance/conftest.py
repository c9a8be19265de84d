"""Which conformance tests are slow: those that call a costly task's network in float64 or often."""

import pytest
from harness import SAMPLES

COSTLY_PARAMETERS = {("dtype", "float64"), ("steps", 20)}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        chosen = item.callspec.params
        costly = any(chosen.get(name) == value for name, value in COSTLY_PARAMETERS)
        if chosen.get("task") in SAMPLES and costly:
            item.add_marker(pytest.mark.slow)

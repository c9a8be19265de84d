"""The order of the conformance tests: pair by pair, so that a pair is planned and drawn once."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [index for index, item in enumerate(items) if item.path.is_relative_to(HERE)]
    for index, item in zip(ours, sorted((items[index] for index in ours), key=_pair), strict=True):
        items[index] = item


def _pair(item: pytest.Item) -> tuple[str, str]:
    chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return str(chosen.get("task", "")), str(chosen.get("sampler", ""))

"""Shared fixtures, the rules for slow, CUDA and browser tests, and each worker's share of the threads."""

import importlib.util
import os
from typing import Any

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:  # before torch is imported; the commands that tests start inherit it
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))

import pytest  # noqa: E402

from sigbench.sweep.engines.choice import ENGINES  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")
    parser.addoption("--long", action="store_true", help="also run the tests marked long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for kind in ("slow", "long"):
            if kind in item.keywords and not config.getoption(f"--{kind}"):
                item.add_marker(pytest.mark.skip(reason=f"{kind}: run with --{kind}"))
    items.sort(key=lambda item: "slow" not in item.keywords)  # so that no worker ends alone with the longest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "cuda" in item.keywords:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("cuda: no CUDA device here")
    for extra, package in ENGINES.items():
        if package and extra in item.keywords and importlib.util.find_spec(package) is None:
            pytest.skip(f"engine: [{extra}] is not installed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    return _in_ci_nothing_is_missing((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    return _in_ci_nothing_is_missing((yield))


def _in_ci_nothing_is_missing(report: Any) -> Any:
    """In CI a test that skips for want of a browser, an engine or other people's samplers fails: nobody reads of it."""
    wanted = ("browser: ", "elsewhere: ", "engine: ")
    if os.environ.get("CI") and report.skipped and any(reason in str(report.longrepr) for reason in wanted):
        report.outcome = "failed"
    return report

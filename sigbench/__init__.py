"""sigbench: the benchmark and evaluation suite for fast samplers of diffusion models.

Importing this package loads neither torch nor a plug-in: each name is looked up where it is first used. The names in
`__all__` are for programs and notebooks, and stay; everything else may change.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sigbench.api.compare import Difference, Differences, compare
    from sigbench.api.plot import Plot
    from sigbench.api.records import Records, load
    from sigbench.api.run import run
    from sigbench.errors import BadInput
    from sigbench.metrics.metric import Metric
    from sigbench.sampler import Sampler
    from sigbench.task import Task

__version__ = "0.1.0"

_PLACES = {
    "BadInput": "sigbench.errors",
    "Difference": "sigbench.api.compare",
    "Differences": "sigbench.api.compare",
    "Metric": "sigbench.metrics.metric",
    "Plot": "sigbench.api.plot",
    "Records": "sigbench.api.records",
    "Sampler": "sigbench.sampler",
    "Task": "sigbench.task",
    "compare": "sigbench.api.compare",
    "load": "sigbench.api.records",
    "run": "sigbench.api.run",
}
__all__ = [
    "BadInput",
    "Difference",
    "Differences",
    "Metric",
    "Plot",
    "Records",
    "Sampler",
    "Task",
    "__version__",
    "compare",
    "load",
    "run",
    "schema",
]


def schema() -> dict[str, Any]:
    """Returns the JSON schema of a record, one line of `sigbench run --json`."""
    import msgspec

    from sigbench.records.record import Record

    return msgspec.json.schema(Record)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'sigbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

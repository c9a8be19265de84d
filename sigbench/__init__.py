"""sigbench: the benchmark and evaluation suite for fast samplers of diffusion models.

Importing this package loads neither torch nor a plug-in; heavy imports happen where they are used.
"""

from typing import Any

__version__ = "0.1.0"


def schema() -> dict[str, Any]:
    """Returns the JSON schema of a record, one line of `sigbench run --json`."""
    import msgspec

    from sigbench.records.record import Record

    return msgspec.json.schema(Record)

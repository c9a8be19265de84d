"""The key of a record: a hash of everything that determines what its cell measures, times apart."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sigbench.records.names import bare_spec
from sigbench.records.record import SCHEMA, CellRecord, Record

_NAMED = (
    "task",
    "task_version",
    "conditions",
    "role",
    "times",
    "final_step",
    "samples",
    "seed",
    "noise",
    "asked",
    "code",
)

Determinants = dict[str, Any]


def key_of(determinants: Mapping[str, Any]) -> str:
    """Returns the key of what `determinants` determine, which JSON must know."""
    text = json.dumps({"schema": SCHEMA, **determinants}, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def determinants_of(record: Record) -> Determinants:
    """Returns what the key of a record is the hash of."""
    made = record["provenance"]
    return determinants(
        record, version=made.get("sigbench"), device=made.get("device"), artifacts=made.get("artifacts")
    )


def determinants(
    cell: CellRecord, *, version: str | None, device: str | None, artifacts: Mapping[str, str] | None
) -> Determinants:
    """Returns everything that determines what a cell measures: what was asked for, and the code that answers."""
    found = {name: cell[name] for name in _NAMED}  # type: ignore[literal-required]
    found["conditions"] = {name: float(value) for name, value in cell["conditions"].items()}
    spec = bare_spec(cell["spec"])  # the same file in another folder is the same sampler
    return {**found, "sampler": spec, "sigbench": version, "device": device, "artifacts": artifacts}

"""What the tests of sweeps share: small sweeps, and records without what may differ between two runs."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

from sigbench.sweep.file import read_sweep
from sigbench.sweep.plan import PlannedCell, plan_sweep

HEAD = 'device = "cpu"\nsamples = 150\nrepeats = 2\n'

MEASURED = {"doubts", "sample_s", "cpu_s", "path_s", "calibration_s", "samples_per_s", "efficiency", "peak_memory_mb"}
MEASURED |= {"load", "others", "quiet"}


def cells_of(folder: Path, text: str) -> list[PlannedCell]:
    """Returns the cells of a small sweep, whose file is written into a folder."""
    file = folder / "sweep.toml"
    file.write_text(HEAD + text)
    return plan_sweep(read_sweep(file)).cells


def children() -> set[int | None]:
    """Returns the living child processes."""
    return {child.pid for child in multiprocessing.active_children()}


def comparable(record: Any) -> dict[str, Any]:
    """Returns the record without its time of day and what was measured of the machine: durations and memory."""
    timing = None if record["timing"] is None else {k: v for k, v in record["timing"].items() if k not in MEASURED}
    provenance = {k: v for k, v in record["provenance"].items() if k != "date"}
    return {**record, "timing": timing, "provenance": provenance}


def stored(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the records of a store by key; every file that a reader would look at must be a whole one."""
    found = {file.stem: json.loads(file.read_text()) for file in folder.glob("[!.]*")}
    assert all(record["key"] == key for key, record in found.items())
    return found


def comparable_store(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns what two runs of a sweep must have in common."""
    return {key: comparable(record) for key, record in stored(folder).items()}

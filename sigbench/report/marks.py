"""The signs that tables and the page put beside a number, and what they mean."""

from sigbench.records.comparison import beside_floor
from sigbench.records.family import Mark
from sigbench.records.record import MetricRecord

BEST, EQUIVALENT, UNRESOLVED, AT_FLOOR, BELOW_FLOOR = "★", "≈", "?", "=", "!"
NO_CALLS = "∅"  # of what called no network: it is shown, and never ranked
LEGEND = (
    f"{BEST} best of its calls   {EQUIVALENT} equivalent to it   {UNRESOLVED} not resolved   unmarked: worse\n"
    f"{AT_FLOOR} at the floor: like exact draws   {BELOW_FLOOR} below it: look for copies   {NO_CALLS} no calls"
)
MARKS: dict[Mark, str] = {"best": BEST, "equivalent": EQUIVALENT, "not resolved": UNRESOLVED, "worse": ""}


def floor_mark(metric: MetricRecord) -> str:
    """Returns the sign of what a metric is beside exact draws: at the floor, below it, or ""."""
    found = beside_floor(metric)
    return AT_FLOOR if found == "equivalent" else BELOW_FLOOR if found == "better" else ""

"""What is said of cells that are measured again although the store knows them: what has changed since."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sigbench.cli.printing import say

if TYPE_CHECKING:
    from sigbench.records.key import Determinants
    from sigbench.records.store import Store

_SHOWN = 5
OUTDATED = "of an older schema, which this version does not read"


def say_why_again(wanted: "Iterable[Determinants]", store: "Store") -> None:
    """Says on stderr why cells are measured again that the store has other records of, a line a reason.

    `wanted` are what the keys of the missing cells are hashes of.
    """
    from sigbench.records.changes import Earlier
    from sigbench.records.reading import read_records

    missing = list(wanted)
    if not missing:
        return
    found = read_records([store.folder])
    if old := found.count("outdated"):
        say(f"{old} of the records in {store.folder} are {OUTDATED}: what is asked for is measured again.")
    earlier = Earlier(found.records)
    counts: dict[str, int] = {}
    for determinants in missing:
        if reasons := earlier.why(determinants):
            more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
            reason = "; ".join(reasons[:_SHOWN]) + more
            counts[reason] = counts.get(reason, 0) + 1
    for reason, count in counts.items():
        say(f"measured again{'' if count == 1 else f' ({count} cells)'}: {reason}.")

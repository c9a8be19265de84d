"""What grids are called, told from the text alone: whoever only needs their names loads no numpy."""

import re

from sigbench.plug_ins import aliases, entry_points
from sigbench.spec import number

GRIDS = "sigbench.grids"
ALIASES = "sigbench.grid_aliases"
ENDING = ".json"  # of a computed grid's file
HASH = 12  # digits of the hash in a computed grid's name
_COMPUTED = re.compile(rf".+-[0-9a-f]{{{HASH}}}")


def grid_names() -> list[str]:
    """Returns the names of the registered families."""
    return sorted(entry_points(GRIDS))


def grid_aliases() -> dict[str, str]:
    """Returns the names of registered families by the other names that people know them under."""
    return aliases(ALIASES, GRIDS)


def is_list(text: str) -> bool:
    """Whether a grid is asked for by its times: numbers with commas between them."""
    return number(text) is not None or (":" not in text and "," in text)


def is_file(text: str) -> bool:
    """Whether a grid is asked for by the file of a computed one."""
    return text.endswith(ENDING)


def is_computed_name(name: str) -> bool:
    """Whether a grid's name in a record is that of a computed one."""
    return _COMPUTED.fullmatch(name) is not None

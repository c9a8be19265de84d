"""The records that pages of results are written from, and which of them newer ones are to replace.

Files are named from the folder `leaderboard/` of the working directory on, which is the root of the repository when
pages are written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec

from sigbench.errors import BadInput
from sigbench.records.checks import parse_sound
from sigbench.records.names import display_name
from sigbench.records.record import SCHEMA, Record

FOLDER = Path("leaderboard")
_TEACHER = "teacher ("


@dataclass(frozen=True)
class Cells:
    """Records of one file, in its order."""

    file: str
    records: tuple[Record, ...]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def where(self, *samplers: str, **facts: object) -> "Cells":
        """Returns the records of these display names (none: of all) whose fields are these facts.

        A fact is a value, or a tuple of those that are wanted. Raises BadInput where there is no such record.
        """
        kept = tuple(
            record
            for record in self.records
            if (not samplers or display_name(record) in samplers) and all(_is(record, *fact) for fact in facts.items())
        )
        if not kept:
            raise BadInput(f"{self.file} holds no record of {', '.join(samplers) or 'any sampler'} with {facts}.")
        return Cells(self.file, kept)

    def one(self, sampler: str, **facts: object) -> Record:
        """Returns the one record of a display name and facts; raises BadInput where there are none or several."""
        found = self.where(sampler, **facts).records
        if len(found) > 1:
            raise BadInput(f"{self.file} holds {len(found)} records of {sampler} with {facts}.")
        return found[0]


def cells(file: str) -> Cells:
    """Returns the records of a file of JSON lines, or of the lines of a study that hold one each.

    Those of the present schema are checked. Those of an older one are taken as they stand, in the present shape as far
    as tables show it; `is_older` tells them apart. Raises BadInput, naming the line, for what is neither.
    """
    found = []
    for number, line in enumerate(_lines(file), 1):
        document = msgspec.json.decode(line)
        document = document.get("record", document)
        try:
            older = document["schema"] < SCHEMA
            found.append(_as_present(document) if older else parse_sound(msgspec.json.encode(document)))
        except (KeyError, TypeError, BadInput) as error:
            raise BadInput(f"{FOLDER / file}, line {number}: {error}") from error
    return Cells(file, tuple(found))


def is_older(record: Mapping[str, Any]) -> bool:
    """Whether a record is of an older schema: shown, and compared with nothing."""
    return bool(record["schema"] < SCHEMA)


def superseded(found: Cells) -> str:
    """Returns a sentence where records are of an older schema or task version, and so wait for newer ones; else ""."""
    task, version = found.records[0]["task"], found.records[0]["task_version"]
    now = _version(task)
    if version == now and not any(map(is_older, found)):
        return ""
    return (
        f"*Superseded: measured under version {version} of the task `{task}`, which is at version {now}, and recorded "
        f"under schema {found.records[0]['schema']}. The next official sweep measures it anew. Records: "
        f"`{FOLDER / found.file}`.*"
    )


@cache
def _version(task: str) -> int:
    from sigbench.registry import make_task

    return make_task(task).version


def _lines(file: str) -> list[bytes]:
    try:
        return [line for line in (FOLDER / file).read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise BadInput(f"{FOLDER / file} cannot be read: {error.strerror}.") from error


def _is(record: Record, name: str, wanted: object) -> bool:
    own = cast("Mapping[str, Any]", record)[name]
    return own in wanted if isinstance(wanted, tuple) else bool(own == wanted)


def _as_present(document: dict[str, Any]) -> Record:
    """A record of schema 1 with the names, the role and the times as they are written now."""
    name = document["sampler"]
    teacher = name.startswith(_TEACHER)
    own = name.removeprefix(_TEACHER).rstrip(")") if teacher else name
    shaped = {"conditions": {}, "task_spec": document["task"], "spec": own, **document, "sampler": own}
    shaped["role"] = "teacher" if teacher else "sampler"
    if (timing := document["timing"]) is not None and not isinstance(timing["efficiency"], dict):
        spread = None if timing["efficiency"] is None else {"value": timing["efficiency"]}
        shaped["timing"] = {**timing, "efficiency": spread}
    return cast("Record", shaped)

"""What a sampler is called: by its class's name and its options, and as a task's teacher where it served as one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

Role = Literal["sampler", "teacher"]
_TEACHER = "teacher ("


def name_of(sampler: str, spec: str, role: Role = "sampler") -> str:
    """Returns how tables, charts and sentences call a sampler: ddim, ddim:eta=0.5, teacher (euler-maruyama).

    `sampler` is the name that its class declares, `spec` how it was asked for.
    """
    name = ":".join([sampler, *(part for part in spec.split(":")[1:] if "=" in part)])
    return f"teacher ({name})" if role == "teacher" else name


def is_teacher(name: str) -> bool:
    """Returns whether a display name is that of a task's teacher."""
    return name.startswith(_TEACHER) and name.endswith(")")


def display_name(record: Mapping[str, Any]) -> str:
    """Returns how tables, charts and sentences call the sampler of a record."""
    return name_of(record["sampler"], record["spec"], record["role"])


def identity(record: Mapping[str, Any]) -> tuple[str, str, Role]:
    """Returns what tells the samplers of records apart: two files may hold classes of one name."""
    return record["sampler"], record["spec"], record["role"]


def display_names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the display names of records side by side: where several files hold one name, with the file's."""
    names = [display_name(record) for record in records]
    specs: dict[str, set[str]] = {}
    for name, record in zip(names, records, strict=True):
        specs.setdefault(name, set()).add(record["spec"])
    return [
        f"{name} ({(file_of(record['spec']) or Path(record['spec'].partition(':')[0])).name})"
        if len(specs[name]) > 1
        else name
        for name, record in zip(names, records, strict=True)
    ]


def spec_of(record: Mapping[str, Any]) -> str:
    """Returns the spec that asks for the sampler of a record again: "teacher" for a task's teacher."""
    return "teacher" if record["role"] == "teacher" else str(record["spec"])


def bare_spec(spec: str) -> str:
    """Returns a spec without the folder of its file: what it asks for wherever the file lies."""
    file, dot, rest = spec.partition(".py:")
    adapter, colon, path = file.rpartition(":")  # kdiffusion:FILE.py:FUNCTION
    return f"{adapter}{colon}{Path(path).name}{dot}{rest}" if dot else spec


def file_of(spec: str) -> Path | None:
    """Returns the file that a spec names, FILE.py:CLASS or ADAPTER:FILE.py:NAME; None where it names none."""
    file, dot, _ = spec.partition(".py:")
    return Path(f"{file.rpartition(':')[2]}.py") if dot else None

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
    """Returns how tables, charts and sentences call the sampler of a record; one without a role is a sampler."""
    return name_of(str(record["sampler"]), str(record.get("spec", record["sampler"])), record.get("role", "sampler"))


def identity(record: Mapping[str, Any]) -> tuple[str, str, Role]:
    """Returns what tells the samplers of records apart: two files may hold classes of one name."""
    return str(record["sampler"]), str(record.get("spec", record["sampler"])), record.get("role", "sampler")


def display_names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the display names of records side by side: where several files hold one name, with the file's."""
    names = [display_name(record) for record in records]
    specs: dict[str, set[str]] = {}
    for name, record in zip(names, records, strict=True):
        specs.setdefault(name, set()).add(str(record.get("spec", name)))
    return [
        f"{name} ({Path(str(record['spec']).partition(':')[0]).name})" if len(specs[name]) > 1 else name
        for name, record in zip(names, records, strict=True)
    ]


def spec_of(record: Mapping[str, Any]) -> str:
    """Returns the spec that asks for the sampler of a record again: "teacher" for a task's teacher."""
    return "teacher" if record.get("role") == "teacher" else str(record.get("spec", record["sampler"]))


def name_and_role(label: str, spec: str | None) -> tuple[str, str, Role]:
    """Returns the (sampler, spec, role) of a record of an older version, whose sampler is a label or a spec."""
    own = spec or (label[len(_TEACHER) : -1] if is_teacher(label) else label)
    name, *rest = own.split(":")
    if name.endswith(".py") and rest:
        name = rest[0]
    return name, own, "teacher" if is_teacher(label) else "sampler"

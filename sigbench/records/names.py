"""What a sampler is called: by its class's name and its options, and as a task's teacher where it served as one."""

from collections.abc import Mapping
from typing import Any, Literal

Role = Literal["sampler", "teacher"]
_TEACHER = "teacher ("  # how records of older versions begin the name of a sampler that served as the teacher


def display_name(of: Mapping[str, Any]) -> str:
    """Returns how tables, charts and sentences call the sampler of a record or a study.

    It reads `sampler` (the class's name), `spec` (as it was asked for) and `role`, whose defaults are the sampler
    itself and "sampler": ddim, ddim:eta=0.5, teacher (euler-maruyama).
    """
    sampler, spec = str(of["sampler"]), str(of.get("spec", of["sampler"]))
    name = ":".join([sampler, *(part for part in spec.split(":")[1:] if "=" in part)])
    return f"teacher ({name})" if of.get("role") == "teacher" else name


def spec_of(of: Mapping[str, Any]) -> str:
    """Returns the spec that asks for the sampler of a record or a study again: "teacher" for a task's teacher."""
    return "teacher" if of.get("role") == "teacher" else str(of.get("spec", of["sampler"]))


def name_and_role(label: str, spec: str | None) -> tuple[str, str, Role]:
    """Returns the (sampler, spec, role) of a record of an older version, whose sampler is a label or a spec."""
    is_teacher = label.startswith(_TEACHER) and label.endswith(")")
    own = spec or (label[len(_TEACHER) : -1] if is_teacher else label)
    name, *rest = own.split(":")
    if name.endswith(".py") and rest:
        name = rest[0]
    return name, own, "teacher" if is_teacher else "sampler"

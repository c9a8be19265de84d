"""What a sampler is called: by its class's name and its options, and as a task's teacher where it served as one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sigbench.spec import quoted, split_outside_quotes

Role = Literal["sampler", "teacher"]
Namer = Callable[[Mapping[str, Any]], str]
DENOISED = ":final=denoise"  # how the spec of a sampler ends that returns the denoised sample at the last time
OBJECT = "object:"  # how specs begin that stand for a class or an instance of a running program
_TEACHER = "teacher ("


def name_of(sampler: str, spec: str, role: Role = "sampler") -> str:
    """Returns how tables, charts and sentences call a sampler: ddim, ddim:eta=0.5, teacher (euler-maruyama).

    `sampler` is the name that its class declares, `spec` how it was asked for.
    """
    name = ":".join([sampler, *(part for part in split_outside_quotes(spec, ":")[1:] if "=" in part)])
    return f"teacher ({name})" if role == "teacher" else name


def is_teacher(name: str) -> bool:
    """Returns whether a display name is that of a task's teacher."""
    return name.startswith(_TEACHER) and name.endswith(")")


def display_name(record: Mapping[str, Any]) -> str:
    """Returns how tables, charts and sentences call the sampler of a record.

    One that was tuned goes by its bare name, whatever grid and options were its best: see `chosen`.
    """
    if is_tuned(record):
        return str(record["sampler"])
    return name_of(record["sampler"], record["spec"], record["role"])


def is_tuned(record: Mapping[str, Any]) -> bool:
    """Returns whether a record's grid and options were chosen by tuning, as the best of several."""
    return record.get("tuning") is not None


def chosen(record: Mapping[str, Any]) -> str:
    """Returns the grid of a record, and of one that was tuned the options that are not the sampler's own."""
    options = name_of("", record["spec"])[1:] if is_tuned(record) else ""
    return " ".join(part for part in (record["grid"], options.replace(":", " ")) if part)


def tuned_line(record: Mapping[str, Any]) -> str:
    """Returns what tuning chose for a record, and among how many, as a sentence; "" where nothing was tuned."""
    if not is_tuned(record):
        return ""
    note = record["tuning"]
    return f"Tuned at {note['calls']} calls, best of {note['candidates']} on other noise: {chosen(record)}."


def identity(record: Mapping[str, Any]) -> tuple[str, str, Role]:
    """Returns what tells the samplers of records apart: two files may hold classes of one name."""
    return record["sampler"], record["spec"], record["role"]


def row_of(record: Mapping[str, Any]) -> tuple[str, str, Role]:
    """Returns what has a row on a board: a sampler as it was asked for, or whatever tuning chose for one."""
    spec = _base(record["spec"]) if is_tuned(record) else record["spec"]
    return record["sampler"], spec, record["role"]


def display_names(records: Sequence[Mapping[str, Any]], *, grids: bool = False) -> list[str]:
    """Returns the display names of records side by side: where several files hold one name, with the file's.

    With `grids` a sampler on several grids is called by each: dpmpp-2m:grid=log-snr.
    """
    called = namer(records, grids=grids)
    return [called(record) for record in records]


def namer(records: Sequence[Mapping[str, Any]], *, grids: bool = True) -> Namer:
    """Returns what calls records by names that tell the samplers of `records` apart, as `display_names` does."""
    specs: dict[str, set[str]] = {}
    walked: dict[tuple[str, str, Role], set[str]] = {}
    for record in records:
        specs.setdefault(display_name(record), set()).add(row_of(record)[1])
        if grids and not is_tuned(record):
            walked.setdefault(identity(record), set()).add(record["grid"])

    def called(record: Mapping[str, Any]) -> str:
        name, spec = display_name(record), record["spec"]
        several = len(specs.get(name, ())) > 1
        if len(walked.get(identity(record), ())) > 1:
            name += f":grid={quoted(record['grid'])}"
        return f"{name} ({_whence(spec)})" if several else name

    return called


def _whence(spec: str) -> str:
    """Where the class of a spec is from: its file's name, or the name of one that a program handed over."""
    if spec.startswith(OBJECT):
        return spec.removeprefix(OBJECT).partition(":")[0]
    return (file_of(spec) or Path(spec.partition(":")[0])).name


def spec_of(record: Mapping[str, Any]) -> str:
    """Returns the spec that asks for the sampler of a record again: "teacher" for a task's teacher."""
    if record["role"] != "teacher":
        return str(record["spec"])
    return f"teacher{DENOISED}" if str(record["spec"]).endswith(DENOISED) else "teacher"


def bare_spec(spec: str) -> str:
    """Returns a spec without the folder of its file: what it asks for wherever the file lies."""
    file, dot, rest = spec.partition(".py:")
    adapter, colon, path = file.rpartition(":")  # kdiffusion:FILE.py:FUNCTION
    return f"{adapter}{colon}{Path(path).name}{dot}{rest}" if dot else spec


def _base(spec: str) -> str:
    """A spec without its options."""
    return ":".join(part for part in split_outside_quotes(spec, ":") if "=" not in part)


def file_of(spec: str) -> Path | None:
    """Returns the file that a spec names, FILE.py:CLASS or ADAPTER:FILE.py:NAME; None where it names none."""
    file, dot, _ = spec.partition(".py:")
    return Path(f"{file.rpartition(':')[2]}.py") if dot else None

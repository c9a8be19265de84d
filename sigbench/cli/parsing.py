"""What commands share in reading options."""

import math
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.files import read_text
from sigbench.spec import number, parse_spec, split_list, split_outside_quotes, whole_number


def split_names(text: str, option: str) -> list[str]:
    """Returns the members of a list that commas outside of quotes separate; raises BadInput where one is empty."""
    names = split_list(text)
    if text and not names:
        raise BadInput(f"{option} {text!r} is a list without members.")
    if text and len(names) < len(split_outside_quotes(text, ",")):
        raise BadInput(f"{option} {text!r} has an empty member: there is a comma too many.")
    return names


def split_ints(text: str, option: str) -> list[int]:
    """Returns the integers of a comma-separated list; raises BadInput for anything else."""
    numbers = []
    for part in split_names(text, option):
        if (found := whole_number(part)) is None:
            raise BadInput(f"{option} takes whole numbers, such as 5,10,20; {part!r} is none.")
        numbers.append(found)
    return numbers


def sampler_specs(text: str, file: Path | None = None) -> list[str]:
    """Returns the specs of samplers that an option lists and a file holds, a line a spec.

    What follows a # at a line's beginning or behind a space is a remark. Raises BadInput where there is no spec, and
    for a line that is none, with its number.
    """
    specs = split_names(text, "--sampler")
    if file is not None:
        specs += _specs_in(file)
    if not specs:
        raise BadInput("Missing option '--sampler': name at least one sampler there, or in a --sampler-file.")
    return specs


def _specs_in(file: Path) -> list[str]:
    lines = read_text(file, "the list of samplers").splitlines()
    specs = []
    for place, line in enumerate(lines, start=1):
        spec = "" if line.lstrip().startswith("#") else line.partition(" #")[0].strip()
        if not spec:
            continue
        try:
            if len(split_list(spec)) > 1:
                raise BadInput(f"{spec!r} is more than one spec: write one a line.")
            parse_spec(spec)
        except BadInput as error:
            raise BadInput(f"{file}, line {place}: {error}") from None
        specs.append(spec)
    if not specs:
        raise BadInput(f"the list of samplers {file} holds none.")
    return specs


def parse_share(text: str | None, option: str) -> float | None:
    """Returns a share, "5%" or "0.05", as a number, None for None; raises BadInput for anything else."""
    if text is None:
        return None
    bare = text.removesuffix("%").strip()
    found = math.nan if bare.lower() == "nan" else number(bare)
    if found is None:
        raise BadInput(f"{option} takes a share, such as 5% or 0.05; {text!r} is none.")
    return found / 100 if text.endswith("%") else found

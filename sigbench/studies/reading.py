"""The one reader of studies: a file of JSON lines becomes results of one kind."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sigbench.errors import BadInput, Outdated
from sigbench.files import read_file
from sigbench.guard import told
from sigbench.records.checks import parse_sound
from sigbench.studies.ablation.result import AblationResult
from sigbench.studies.convergence.result import Orders
from sigbench.studies.gap.result import Gap
from sigbench.studies.guidance.result import Guided
from sigbench.studies.spectrum.result import SpectrumGap

Result = TypeVar("Result", Gap, SpectrumGap, AblationResult, Guided, Orders)
_Any = Gap | SpectrumGap | AblationResult | Guided | Orders


def read_study(file: Path, kind: type[Result]) -> list[Result]:
    """Returns the results of a file, a line each, all of one kind and of one task.

    Records stand for the points of a study of guidance. Raises BadInput, naming file and line, where one is not what
    its kind says, Outdated where it holds a record of an older schema, and for a file that cannot be read or holds
    nothing.
    """
    lines = read_file(file, "the study").split(b"\n")
    found: list[Result] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            result = msgspec.convert(_tagged(line), _Any)
        except Outdated as error:
            raise Outdated(f"the study {file}, line {number}: {error}") from error
        except Exception as error:  # a document may make its reader raise anything
            why = str(error).rstrip(".") if isinstance(error, msgspec.MsgspecError | BadInput) else told(error)
            raise BadInput(f"the study {file}, line {number}: {why}.") from error
        if not isinstance(result, kind):
            raise BadInput(
                f"the study {file}, line {number}: this is of kind {_kind(type(result))}, not {_kind(kind)}."
            )
        if found and result.task != found[0].task:
            raise BadInput(
                f"the study {file}, line {number}: this is of {result.task}, and the first of {found[0].task}."
            )
        found.append(result)
    if not found:
        raise BadInput(f"the study {file} is empty.")
    return found


def _tagged(line: bytes) -> dict[str, Any]:
    """The line as a JSON object with its kind, and its record, where it has one, as the present schema has it."""
    document = msgspec.json.decode(line)
    if not isinstance(document, dict):
        raise BadInput("this is JSON, but no object")
    if "kind" not in document and "schema" in document:
        return {"kind": "guidance", "record": parse_sound(line)}
    if "record" in document:
        return {**document, "record": parse_sound(msgspec.json.encode(document["record"]))}
    return document


def _kind(result: type[Any]) -> str:
    return str(result.__struct_config__.tag)

"""Plug-ins that are handed over as objects, a class or an instance, in the place of a spec.

Each has a spec of its own, `object:CLASS:option=value`, which stands in records and tables, and by which it is found
among those that the settings carry. A program's own code is hashed as it is in memory, wherever it was written.
"""

import copy
import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sigbench.guard import guarded
from sigbench.measure.source.memory import hash_of, is_in_memory
from sigbench.measure.source.plug_ins import code_of, parts_of
from sigbench.plug_ins import entry_points
from sigbench.records.names import OBJECT
from sigbench.records.record import PlugInCode
from sigbench.registry import SAMPLERS, complete_class, made_by
from sigbench.spec import Spec, parse_spec

_OF_CELLS = ("grid", "final")
_MEMORY = "<memory>"  # in the place of a file's name: the class and the state of what was handed over


@dataclass(frozen=True)
class Given:
    """A plug-in as an object: of a group of plug-ins, with the spec that stands for it, and what it is written in.

    `unknown` names what in it cannot be known: the hash of its code is then like no other session's.
    """

    group: str
    spec: str
    made: Any = field(repr=False, hash=False, compare=False)
    written_in: PlugInCode = field(repr=False, hash=False)
    unknown: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """The hash of its code and state in memory."""
        return self.written_in["files"][_MEMORY]

    def make(self) -> Any:
        """Returns a plug-in to work with: one made of the class, or a copy of the instance, which stays as it is."""
        if inspect.isclass(self.made):
            return made_by(self.group, self.made, self.spec)
        if self.group != SAMPLERS:
            return self.made  # only samplers are prepared, a cell each
        with guarded(f"{self.spec} cannot be copied, and each cell has one of its own: hand over its class"):
            return copy.deepcopy(self.made)

    def code(self, plug_in: str) -> PlugInCode:
        """Returns what it is written in, under the name that a record has for such a plug-in."""
        return {**self.written_in, "plug_in": plug_in}


def given(group: str, made: Any) -> "Given | str":
    """Returns a class or an instance of one as a plug-in of a group; of a registered one the spec that asks for it.

    Raises BadInput for what is no such plug-in, or lacks facts.
    """
    cls: type[Any] = made if inspect.isclass(made) else type(made)
    complete_class(group, cls, cls.__qualname__)
    if made is not cls:
        made_by(group, lambda: made, cls.__qualname__)  # its facts may be properties
    name = _registered_name(group, cls)
    if name is not None and (spec := _spec_of(name, made)) is not None:
        return spec
    own = f"{OBJECT}{cls.__name__}"
    hashed, unknown = hash_of(made)
    code = code_of("", cls, [part for part in parts_of(cls) if not is_in_memory(part)])
    code["files"] = {**code["files"], _MEMORY: hashed}
    return Given(group, _spec_of(own, made) or own, made, code, tuple(unknown))


def told_apart(several: Iterable[Given]) -> list[Given]:
    """Returns them with specs of their own: where two share one, the later has a piece of its hash in it."""
    taken: dict[str, Given] = {}
    found = []
    for each in several:
        first = taken.setdefault(each.spec, each)
        if first.hash != each.hash:
            each = replace(each, spec=f"{each.spec}:object={each.hash[:6]}")
        found.append(each)
    return found


def found_given(several: Iterable[Given], group: str, spec: str) -> Given | None:
    """Returns the plug-in of a group that a spec stands for, None where it is none that was handed over."""
    return next((each for each in several if (each.group, each.spec) == (group, spec)), None)


def _registered_name(group: str, cls: type[Any]) -> str | None:
    value = f"{cls.__module__}:{cls.__qualname__}"
    return next((name for name, point in entry_points(group).items() if point.value == value), None)


def _spec_of(name: str, made: Any) -> str | None:
    """A spec with the options that an instance was made with; None where these cannot be told from it.

    They are what it keeps under the names of its constructor's arguments: it is made again of them, to see.
    """
    if inspect.isclass(made):
        return name
    values: dict[str, Any] = {}
    for argument in inspect.signature(type(made)).parameters.values():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD) or not hasattr(made, argument.name):
            return None
        if argument.name in _OF_CELLS:
            return None  # which a sampler's spec cannot say
        if type(value := getattr(made, argument.name)) not in (bool, int, float, str):
            return None
        if value != argument.default:
            values[argument.name] = value
    try:
        again = hash_of(type(made)(**values))
        spec = Spec(name, {option: _written(value) for option, value in values.items()})
        return str(spec) if again == hash_of(made) and parse_spec(str(spec)) == spec else None
    except Exception:
        return None


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
